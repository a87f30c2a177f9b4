/**
 * Runs the TypeScript of this repository: `node --import ./scripts/lib/typescript.mjs FILE.ts`.
 *
 * `--import tsx` runs it, too, but costs each process 0.3 s of CPU time more: too much for the hundreds of a test run.
 */
import * as module from 'node:module';
import { isMainThread } from 'node:worker_threads';
import { isMirror } from './mirror.mjs';
import { load, resolve } from './translate.mjs';

process.setSourceMapsEnabled(true);
// Translated tests of scripts/test.mjs import translated modules only. In their threads, the hooks are needed.
if (!isMainThread || process.argv[1] === undefined || !isMirror(process.argv[1])) {
  // Node.js 20 has no hooks within the thread, and newer versions of Node.js deprecate those in another one.
  if (module.registerHooks) module.registerHooks({ load, resolve });
  else module.register('./translate.mjs', import.meta.url);
}
