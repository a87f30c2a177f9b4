/** For the command line of a Node.js that runs TypeScript of this repository: `--import LOADER`. */
export const LOADER = new URL('../../scripts/lib/typescript.mjs', import.meta.url).href;
