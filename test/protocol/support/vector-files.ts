import { readdirSync, readFileSync } from 'node:fs';

const directory = new URL('../../vectors/', import.meta.url);

/** The names and texts of the vectors in test/vectors/ and its folders. */
export function vectorFiles(): [name: string, source: string][] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.txt') && !name.endsWith('README.txt'))
    .sort()
    .map(name => [name, readFileSync(new URL(name, directory), 'utf8')]);
}
