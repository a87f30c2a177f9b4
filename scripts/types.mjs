/** Checks the types of everything: `npm run check:types`. Each project has the types of what it runs in. */
import { spawnSync } from 'node:child_process';
import { compilerPath } from './lib/compiler.mjs';

for (const project of ['tsconfig.json', 'src/protocol/tsconfig.json', 'web/tsconfig.json']) {
  const { status } = spawnSync(process.execPath, [compilerPath(), '-p', project], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
