/**
 * The files that are made from the tables of commands and options: their paths in the repository, and what they
 * contain.
 */
import { readFileSync } from 'node:fs';
import { commands } from '../../src/cli/help/command-table.ts';
import { withTables } from './markdown.ts';
import { commandPage, configPage, mainPage } from './roff.ts';
import { schema } from './schema.ts';

const root = new URL('../../', import.meta.url);

export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['man/telpty.1', mainPage()],
    ['man/telpty-serve.1', commandPage('serve')],
    ['man/telpty-connect.1', commandPage('connect')],
    ['man/telpty-play.1', commandPage('play')],
    ['man/telpty-render.1', commandPage('render')],
    ['man/telpty.yaml.5', configPage()],
    ['telpty.schema.json', `${JSON.stringify(schema(), null, 2)}\n`],
    ['docs/options.md', withTables(read('docs/options.md'), commands)],
  ]);
}

export function read(path: string): string {
  return readFileSync(new URL(path, root), 'utf8');
}
