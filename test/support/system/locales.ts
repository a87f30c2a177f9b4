import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { atExit } from '../cleanup.ts';
import { requireTool } from './tools.ts';

type Locale = readonly [name: string, source: string, charset: string];

/** Locales for the tests of one file, whatever the system has: the directory for LOCPATH, removed at the end. */
export function compileLocales(...locales: readonly Locale[]): string {
  const localedef = requireTool('localedef');
  // Their form depends on the version of the C library.
  const [version] = /\S+$/m.exec(execFileSync(localedef, ['--version'], { encoding: 'utf8' }))!;
  const compiled = fileURLToPath(new URL(`../../../.cache/locales/${version}`, import.meta.url));
  mkdirSync(compiled, { recursive: true });
  const directory = mkdtempSync(join(tmpdir(), 'telpty-locales-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  const done = atExit(remove);
  after(() => {
    remove();
    done();
  });
  for (const locale of locales) {
    compile(localedef, compiled, locale);
    symlinkSync(join(compiled, locale[0]), join(directory, locale[0]));
  }
  return directory;
}

/** To compile a locale takes a second, so it stays for the next run. */
function compile(localedef: string, directory: string, [name, source, charset]: Locale): void {
  if (existsSync(join(directory, name))) return;
  const temporary = mkdtempSync(join(directory, '.new-'));
  try {
    execFileSync(localedef, ['-i', source, '-f', charset, '--no-archive', join(temporary, name)]);
    renameSync(join(temporary, name), join(directory, name));
  } catch (error) {
    // The tests of another file may have been faster.
    if (!existsSync(join(directory, name))) throw error;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
