/** `telpty check FILE`: every problem, its position, and the exit status. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { checkText } from '../../../src/cli/options/check.ts';
import { lazily, runCommands } from '../../support/clients/command-lines.ts';
import { CLI } from '../../support/servers/server.ts';

const directory = mkdtempSync(join(tmpdir(), 'telpty-check-'));
after(() => rmSync(directory, { recursive: true }));

function telpty(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
    encoding: 'utf8',
    timeout: 300_000,
  });
  return { status, stdout, stderr };
}

function fileOf(text: string, name = 'telpty.yaml'): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

describe('the check of a configuration', () => {
  const cases: [text: string, problems: string[]][] = [
    ['', []],
    ['port: 23\nprogram: [cat]\n', []],
    ['{"port": 23, "env": {"A": "1"}}', []],
    [
      'port: 70000\nprot: 1\n\nenv: {A: {B: 1}}\nmode: raw\n  \nidle-timeout: 5\n',
      [
        'c.yaml:1:1: port: 70000 is not a port (0 to 65535)',
        'c.yaml:2:1: prot: unknown option (did you mean port?)',
        'c.yaml:4:1: env: must contain plain values only',
        "c.yaml:7:1: idle-timeout: '5' has no unit (write 500ms, 30s, 10m, 2h, or 0)",
      ],
    ],
    [
      '{\n\t"port": 70000,\n\t"mode": "kludge"\n}',
      [
        'c.yaml:2:2: port: 70000 is not a port (0 to 65535)',
        "c.yaml:3:2: mode: 'kludge' is not one of character, raw, line",
      ],
    ],
    [
      'tls-key: k\nuser: games\nuser-range: 70000-70999\nprogram: cat\n',
      ['c.yaml:1:1: --tls-key needs --tls-cert', 'c.yaml:3:1: --user-range: excludes --user; name one of them'],
    ],
    ['port: 1\nport: 2\n', ['c.yaml:2:1: Map keys must be unique']],
    [
      'program: []\nconfig: x\n',
      ['c.yaml:1:1: program: does not name a program', 'c.yaml:2:1: config: is only allowed on the command line'],
    ],
    ['# nothing\nenv: *x\n', ['c.yaml:2:1: env: *x is not defined']],
    ['port: 1\n--- {}\n', ['c.yaml:2:1: has two documents in it: take out the second ---']],
    ['- port\n', ['c.yaml:1:1: is not a mapping of options to values']],
    ['"\\e[2J": 1\n', ['c.yaml:1:1: \\x1b[2J: unknown option']],
  ];
  for (const [text, problems] of cases) {
    it(`of ${JSON.stringify(text.slice(0, 50))}`, () => {
      const found = checkText(text, 'c.yaml');
      assert.deepEqual(
        found.map(line => line.replace(/ at line \d+.*$/, '')),
        problems,
      );
    });
  }
  it('reports the problem with which serve --config fails', () => {
    const wrong = cases
      .filter(([, problems]) => problems.length > 0)
      .map(([text, problems], index) => ({ file: fileOf(text, `wrong-${index}.yaml`), problems }));
    const results = runCommands(wrong.map(({ file }) => ['serve', '--config', file]));
    for (const [index, { file, problems }] of wrong.entries()) {
      const { status, stderr } = results[index]!;
      assert.equal(status, 2, stderr);
      // An error about a combination begins with the option, which may also come from the command line.
      const said = stderr
        .replace(/^telpty: /, '')
        .replace(/ at line \d+.*$/, '')
        .trimEnd();
      const known = problems.flatMap(line => [line.replace('c.yaml', file), line.replace(/^\S+ /, '')]);
      assert.ok(known.includes(said), `${said}\n${known.join('\n')}`);
    }
  });
});

describe('telpty check', () => {
  const withoutFiles = [[], ['a', 'b'], ['']];
  const others = lazily(() =>
    runCommands(
      [['packaging/telpty.yaml'], ['/nowhere.yaml'], ['-h'], ...withoutFiles].map(args => ['check', ...args]),
    ),
  );
  it('prints that a file is valid: exit 0', () => {
    const file = fileOf('port: 0\nprogram: [cat]\n');
    assert.deepEqual(telpty('check', file), { status: 0, stdout: `${file}: valid\n`, stderr: '' });
  });
  it('accepts the configuration of the package, if the machine has its program', () => {
    const { status, stderr } = others()[0]!;
    if (status === 1) assert.match(stderr, /^packaging\/telpty\.yaml:6:1: cannot find the program/);
    else assert.equal(status, 0, stderr);
  });
  it('prints every problem in a line with its position: exit 2', () => {
    const file = fileOf('prot: 1\nport: x\n');
    assert.deepEqual(telpty('check', file), {
      status: 2,
      stdout: '',
      stderr: `${file}:1:1: prot: unknown option (did you mean port?)\n${file}:2:1: port: x is not a port (0 to 65535)\n`,
    });
  });
  it('prints what the machine lacks: exit 1', () => {
    const file = fileOf(
      'allow: [10.0.0.0/8, "@/no/such"]\nprogram: no-such-program\ntls-cert: /no/c\ntls-key: /no/k\n',
    );
    const { status, stdout, stderr } = telpty('check', file);
    assert.equal(status, 1, stderr);
    assert.equal(stdout, '');
    const lines = stderr.trimEnd().split('\n');
    assert.equal(lines.length, 3, stderr);
    assert.match(lines[0]!, /:2:1: cannot find the program 'no-such-program'$/);
    assert.match(lines[1]!, /:3:1: --tls-cert: .*\/no\/c/);
    assert.match(lines[2]!, /:1:1: --allow: .*\/no\/such/);
  });
  it('of a file that cannot be read: exit 1', () => {
    assert.deepEqual(others()[1], {
      status: 1,
      stdout: '',
      stderr: 'telpty: cannot read /nowhere.yaml: no such file or directory\n',
    });
  });
  it('requires exactly one file: exit 2', () => {
    for (const [index, args] of withoutFiles.entries()) assert.equal(others()[3 + index]!.status, 2, args.join(' '));
  });
  it('-h', () => assert.match(others()[2]!.stdout, /^Usage: telpty check FILE\n/));
});
