import { readdirSync, readFileSync } from 'node:fs';

const directory = new URL('../../vectors/', import.meta.url);

/** The names and texts of the vectors in test/vectors/ and test/vectors/options/. */
export function vectorFiles(): [name: string, source: string][] {
  return ['', 'options/']
    .flatMap(folder => readdirSync(new URL(folder, directory)).map(name => folder + name))
    .filter(name => name.endsWith('.txt') && name !== 'README.txt')
    .sort()
    .map(name => [name, readFileSync(new URL(name, directory), 'utf8')]);
}
