import { readdirSync, readFileSync } from 'node:fs';

const directory = new URL('../../vectors/', import.meta.url);

/** The names and texts of test/vectors/*.txt. */
export function vectorFiles(): [name: string, source: string][] {
  return readdirSync(directory)
    .filter(name => name.endsWith('.txt') && name !== 'README.txt')
    .sort()
    .map(name => [name, readFileSync(new URL(name, directory), 'utf8')]);
}
