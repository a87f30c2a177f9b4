/**
 * The compiler of TypeScript. Version 7 takes a third of the CPU time of version 6. But it is an executable for this
 * platform, which npm may not have or may have left out. As a library, for tools, only version 6 exists.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

/** The path of the compiler, a script for Node.js: version 7 where its executable is installed, or else version 6. */
export function compilerPath() {
  try {
    const manifest = require.resolve('typescript-7/package.json');
    createRequire(manifest).resolve(`@typescript/typescript-${process.platform}-${process.arch}/package.json`);
    return join(dirname(manifest), 'bin', 'tsc');
  } catch {
    return require.resolve('typescript/bin/tsc');
  }
}
