/** The scripts of `telpty completion`, in their shells. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it, test } from 'node:test';
import { commands } from '../../../src/cli/help/command-table.ts';
import { completionScript } from '../../../src/cli/help/completion.ts';
import { runCommands } from '../../support/clients/command-lines.ts';
import { Terminal } from '../../support/clients/tmux.ts';
import { requireTool } from '../../support/system/tools.ts';

const directory = mkdtempSync(join(tmpdir(), 'telpty-completion-'));
after(() => rmSync(directory, { recursive: true }));
mkdirSync(join(directory, 'a directory'));
writeFileSync(join(directory, 'a file'), '');

/** The words up to the cursor, and the expected completions. */
const cases: [words: string[], completions: string[]][] = [
  [['ser'], ['serve']],
  [[''], [...commands.keys(), 'help']],
  [['--ver'], ['--version']],
  [
    ['serve', '--tls-c'],
    ['--tls-cert', '--tls-client-ca'],
  ],
  [
    ['serve', '--mode', ''],
    ['character', 'raw', 'line'],
  ],
  [
    ['serve', '--mode', 'raw', '--lin'],
    ['--linemode', '--linger'],
  ],
  [['serve', '--never-send-ga', '--log-level', 'd'], ['debug']],
  [['serve', '--program-encoding', 'c'], ['client']],
  [['serve', '--', 'cat', '--mo'], []],
  [['serve', 'cat', '--mo'], []],
  [['serve', '--port', '0', '--mo'], ['--mode']],
  [['connect', '--mode', 'a'], ['auto']],
  [['connect', '--tls-n'], ['--tls-no-verify']],
  [
    ['completion', ''],
    ['bash', 'zsh', 'fish'],
  ],
  [['help', 'con'], ['connect']],
  [
    ['check', 'a'],
    ['a directory', 'a file'],
  ],
  [
    ['serve', '--tls-cert', 'a'],
    ['a directory', 'a file'],
  ],
  [['serve', '--cwd', 'a'], ['a directory']],
];

/** Without the slashes, escapes and descriptions that a shell adds. */
const bare = (lines: readonly string[]) =>
  [...new Set(lines.map(line => line.replace(/\t.*/, '').replaceAll('\\', '').replace(/\/$/, '')))].toSorted();

describe('completion in bash', () => {
  const complete = (words: readonly string[]) => {
    const script = [
      completionScript('bash'),
      'shift; COMP_WORDS=(telpty "$@"); COMP_CWORD=$(($# ))',
      `_telpty 2>&1; printf '%s\\n' "\${COMPREPLY[@]}"`,
    ].join('\n');
    const args = ['--norc', '-c', script, 'bash', 'telpty', ...words];
    return execFileSync(requireTool('bash'), args, { cwd: directory, encoding: 'utf8' }).split('\n').filter(Boolean);
  };
  for (const [words, expected] of cases) {
    it(`of telpty ${words.join(' ')}`, () => assert.deepEqual(bare(complete(words)), expected.toSorted()));
  }
  it('of a value after an equals sign, which readline splits off', () => {
    assert.deepEqual(complete(['serve', '--mode', '=', 'ra']), ['raw']);
    assert.deepEqual(complete(['serve', '--mode', '=']), ['character', 'raw', 'line']);
    assert.deepEqual(complete(['serve', '--size-env', '=', 'false', '--mo']), ['--mode']);
  });
});

describe('completion in fish', () => {
  for (const [words, expected] of cases) {
    it(`of telpty ${words.join(' ')}`, () => {
      const script = `${completionScript('fish')}\ncomplete -C ${`'telpty ${words.join(' ')}'`}`;
      const options = {
        cwd: directory,
        encoding: 'utf8',
        env: { ...process.env, HOME: directory, XDG_CONFIG_HOME: directory },
      } as const;
      const { status, stdout, stderr } = spawnSync(requireTool('fish'), ['--no-config', '-c', script], options);
      assert.equal(status, 0, stderr);
      assert.deepEqual(bare(stdout.split('\n').filter(Boolean)), expected.toSorted());
    });
  }
});

describe('completion in zsh', { timeout: 600_000 }, () => {
  const typed: [line: string, screen: RegExp][] = [
    ['telpty serve --tls-cl', /% telpty serve --tls-client-ca/],
    ['telpty con', /% telpty connect/],
    ['telpty serve --mode r', /% telpty serve --mode raw/],
    ['telpty serve --log-level=d', /% telpty serve --log-level=debug/],
    ['telpty serve --port 0 --cwd a', /% telpty serve --port 0 --cwd a\\ directory\//],
    ['telpty completion f', /% telpty completion fish/],
    ['telpty check a\\ f', /% telpty check a\\ file/],
    ['telpty help che', /% telpty help check/],
  ];
  it('of commands, options, values, files and directories', async () => {
    const zsh = requireTool('zsh');
    writeFileSync(join(directory, '_telpty'), completionScript('zsh'));
    await using terminal = await Terminal.start([zsh, '-f']);
    await terminal.type(
      `cd ${directory}; PROMPT='%% '; fpath=($PWD $fpath); autoload -U compinit; compinit -u -D; clear\r`,
    );
    await terminal.waitFor(/^% $|^%\s*$/m);
    for (const [line, screen] of typed) {
      await terminal.type(`${line}\t`);
      await terminal.waitFor(screen);
      // Erases the line.
      await terminal.keys('C-u');
      await terminal.waitFor(/^%\s*$/m);
    }
  });
});

test('telpty completion prints the script, and names the supported shells', () => {
  const shells = ['bash', 'zsh', 'fish'] as const;
  const refused: [args: string[], line: string][] = [
    [['fihs'], 'telpty: completion: unknown shell fihs (did you mean fish?)\n'],
    [['powershell'], 'telpty: completion: unknown shell powershell (bash, zsh, fish)\n'],
    [[], 'telpty: completion: name one shell (bash, zsh, fish)\n'],
  ];
  const lines = [['-h'], ...shells.map(shell => [shell]), ...refused.map(([args]) => args)];
  const [help, ...others] = runCommands(lines.map(args => ['completion', ...args]));
  assert.match(help!.stdout, /^Usage: telpty completion bash\|zsh\|fish\n/);
  for (const [index, shell] of shells.entries()) assert.equal(others[index]!.stdout, completionScript(shell));
  for (const [index, [, line]] of refused.entries()) {
    assert.deepEqual(others[shells.length + index], { status: 2, stdout: '', stderr: line });
  }
});
