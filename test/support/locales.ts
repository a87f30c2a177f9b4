import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { atExit } from './cleanup.ts';
import { requireTool } from './tools.ts';

/** Locales for the tests of one file, whatever the system has: the directory for LOCPATH, removed at the end. */
export function compileLocales(
  ...locales: readonly (readonly [name: string, source: string, charset: string])[]
): string {
  const directory = mkdtempSync(join(tmpdir(), 'telpty-locales-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  const done = atExit(remove);
  after(() => {
    remove();
    done();
  });
  for (const [name, source, charset] of locales) {
    execFileSync(requireTool('localedef'), ['-i', source, '-f', charset, '--no-archive', join(directory, name)]);
  }
  return directory;
}
