/**
 * The types of the package, in dist/: they compile, have the signatures of public-api.ts and the names of
 * docs/library.md.
 */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { document, table } from './markdown.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DIST = `${ROOT}dist/`;
const ENTRY_POINTS = {
  ...{ telpty: 'index', 'telpty/protocol': 'protocol/index', 'telpty/pty': 'pty/index', 'telpty/web': 'web/index' },
};

/**
 * Imports the package by its name, so that the compiler finds the types like that of a user: by `exports` of
 * package.json.
 */
const SIGNATURES = `${ROOT}test/docs/public-api.ts`;

const text = document('docs/library.md');
const program = ts.createProgram([...Object.values(ENTRY_POINTS).map(name => `${DIST}${name}.d.ts`), SIGNATURES], {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  target: ts.ScriptTarget.ES2023,
  types: ['node'],
  strict: true,
  noEmit: true,
});
const checker = program.getTypeChecker();
const published = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(DIST));

function exportsOf(entryPoint: keyof typeof ENTRY_POINTS): ts.Symbol[] {
  const file = program.getSourceFile(`${DIST}${ENTRY_POINTS[entryPoint]}.d.ts`);
  assert.ok(file !== undefined, `dist/ has no types of ${entryPoint}; run: npm run compile`);
  return checker.getExportsOfModule(checker.getSymbolAtLocation(file)!);
}

/** The members that a class declares, except those that Node.js documents. */
function membersOf(entryPoint: keyof typeof ENTRY_POINTS, className: string, base: object): string[] {
  const symbol = exportsOf(entryPoint).find(({ name }) => name === className)!;
  const resolved = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  return checker
    .getDeclaredTypeOfSymbol(resolved)
    .getProperties()
    .filter(({ declarations = [] }) => declarations.some(node => node.getSourceFile().fileName.startsWith(DIST)))
    .map(({ name }) => name.replace(/^__@(\w+)@\d+$/, '[Symbol.$1]()'))
    .filter(name => !name.startsWith('#') && !name.startsWith('__#') && !(name in base))
    .sort();
}

/** The names in a column of a table. Each is in backticks, with its parameters. */
function namesIn(heading: string, column = 0): string[] {
  return table(text, heading)
    .flatMap(row => (row[column] ?? '').split(/`, `/))
    .map(span => /^\w+/.exec(span)?.[0] ?? span)
    .sort();
}

/** The diagnostics of the compiler for files. */
function problemsIn(files: readonly ts.SourceFile[]): string {
  const problems = files.flatMap(file => [
    ...program.getSyntacticDiagnostics(file),
    ...program.getSemanticDiagnostics(file),
  ]);
  return ts.formatDiagnostics(problems, ts.createCompilerHost({}));
}

it('the published types compile without skipLibCheck', () => {
  assert.equal(problemsIn(published), '');
});

it('the published types have the signatures of public-api.ts', () => {
  const file = program.getSourceFile(SIGNATURES);
  assert.ok(file !== undefined, `${SIGNATURES} was not compiled`);
  assert.equal(problemsIn([file]), '');
});

it('the published types have no declarations that are marked internal', () => {
  const marked = published.filter(file => file.text.includes('@internal')).map(({ fileName }) => fileName);
  assert.deepEqual(marked, []);
});

describe('docs/library.md names the members of', () => {
  it('a session', () => {
    assert.deepEqual(namesIn('member of a session'), membersOf('telpty', 'Session', Duplex.prototype));
  });
  it('a server', () => {
    assert.deepEqual(namesIn('member of a server'), membersOf('telpty', 'Server', EventEmitter.prototype));
  });
  it('a gateway', () => {
    const named = namesIn('member of a gateway').map(name => (name.startsWith('[') ? '[Symbol.asyncDispose]()' : name));
    assert.deepEqual(named.sort(), membersOf('telpty/web', 'WebGateway', Object.prototype));
  });
  it('a pseudo-terminal', () => {
    assert.deepEqual(namesIn('member of a pseudo-terminal'), membersOf('telpty/pty', 'Pty', Duplex.prototype));
  });
});

describe('docs/library.md names the exports of', () => {
  for (const entryPoint of Object.keys(ENTRY_POINTS) as (keyof typeof ENTRY_POINTS)[]) {
    it(entryPoint, () => {
      const names = exportsOf(entryPoint).map(({ name }) => name);
      assert.deepEqual(namesIn(`exports of \`${entryPoint}\``, 1), names.sort());
    });
  }
});
