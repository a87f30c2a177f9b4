/** Inputs that once failed: test/vectors/fuzz/, one file each, as hexadecimal numbers under what was wrong. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { nameOf } from './fuzzer.ts';

const directory = fileURLToPath(new URL('../../test/vectors/fuzz/', import.meta.url));

export interface Found {
  readonly file: string;
  readonly target: string;
  readonly input: Uint8Array;
}

/** @returns the file. */
export function writeFound(target: string, input: Uint8Array, stack: string): string {
  mkdirSync(directory, { recursive: true });
  const file = `${directory}${target}-${nameOf(input)}.txt`;
  const octets = Buffer.from(input)
    .toString('hex')
    .replace(/(..)(?!$)/g, '$1 ');
  writeFileSync(file, `# ${stack.split('\n')[0]}\n${octets.replace(/(.{95}) /g, '$1\n')}\n`);
  return file;
}

export function readFound(): Found[] {
  return readdirSync(directory)
    .filter(name => /^[a-z]+-.*\.txt$/.test(name))
    .map(name => {
      const lines = readFileSync(directory + name, 'utf8').split('\n');
      const octets = lines.filter(line => !line.startsWith('#')).join('');
      return {
        file: name,
        target: name.split('-')[0]!,
        input: Uint8Array.from(Buffer.from(octets.replaceAll(/\s/g, ''), 'hex')),
      };
    });
}
