/**
 * Fails if a folder of code holds more than fifteen files and folders: `node scripts/folders.mjs`, part of `npm run
 * check`. A folder is one subject, and a reader finds a file by its name only where the list of names is short.
 *
 * src/ and test/ themselves are left out: CONTRIBUTING.md lists what they hold, and a test compares the two.
 */
import { execFileSync } from 'node:child_process';

const LIMIT = 15;
const ROOTS = ['src', 'native', 'test', 'scripts', 'bench', 'fuzz', 'web'];

const paths = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', ...ROOTS], {
  encoding: 'utf8',
});
const folders = new Map();
for (const path of paths.trim().split('\n')) {
  const parts = path.split('/');
  for (let depth = 1; depth < parts.length; depth++) {
    const folder = parts.slice(0, depth).join('/');
    if (!folders.has(folder)) folders.set(folder, new Set());
    folders.get(folder).add(parts[depth]);
  }
}
const crowded = [...folders].filter(([folder, names]) => !['src', 'test'].includes(folder) && names.size > LIMIT);
for (const [folder, names] of crowded) {
  process.stderr.write(`${folder}: ${names.size} entries; group them into folders of at most ${LIMIT}\n`);
}
process.exitCode = crowded.length > 0 ? 1 : 0;
