/** TERM: the names that a client sends by TTYPE, and those in the host's terminfo. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { programEnvironment } from '../../../src/shells/environment/environment.ts';
import {
  firstKnownTerminal,
  terminalNameRefusal,
  terminfoNames,
} from '../../../src/shells/environment/terminal-names.ts';
import { Terminfo } from '../../../src/shells/environment/terminfo.ts';
import { atExit } from '../../support/cleanup.ts';
import { CMD, hex, naws, OPT, subnegotiation } from '../../support/clients/test-client.ts';
import { hostScript } from '../../support/servers/host.ts';

const directory = mkdtempSync(join(tmpdir(), 'telpty-terminfo-'));
const remove = () => rmSync(directory, { recursive: true, force: true });
const done = atExit(remove);
after(() => {
  remove();
  done();
});

/** Compiles entries of these names into a directory, in the layout of tic(1). */
function compile(path: string, ...names: string[]): string {
  mkdirSync(path, { recursive: true });
  execFileSync('tic', ['-x', '-o', path, '-'], {
    input: names
      .map(name => `${name}|test terminal ${name},\n\tcols#80, clear=\\E[H\\E[J, cup=\\E[%i%p1%d;%p2%dH,\n`)
      .join(''),
  });
  return path;
}

const entries = compile(join(directory, 'entries'), 'telpty-a', 'telpty-b', 'Telpty-Capital');

describe('the name that a program gets', () => {
  const known = new Set(
    'xterm xterm-256color vt220 ansi linux scoansi Eterm wy50 screen xterm-kitty dumb vt320'.split(' '),
  );
  const cases: [names: string[], term: string | undefined][] = [
    [['XTERM-GHOSTTY', 'XTERM-256COLOR', 'XTERM'], 'xterm-256color'],
    [['XTERM-GHOSTTY'], undefined],
    [['ALACRITTY', 'LINUX'], 'linux'],
    [['DEC-VT220', 'DEC-VT100'], 'vt220'],
    [['dec-vt300'], 'vt320'],
    [['VT200'], 'vt220'],
    [['DEC-VT100'], 'ansi'],
    [['VTNT', 'ANSI'], 'ansi'],
    [['SCO-ANSI'], 'scoansi'],
    [['WYSE-50'], 'wy50'],
    [['IBM-3278-2', 'IBM-3277-2', 'UNKNOWN'], undefined],
    [['ETERM'], 'Eterm'],
    [['KITTY'], 'xterm-kitty'],
    [['screen.alacritty'], 'screen'],
    [['MUDLET', 'ANSI-TRUECOLOR'], 'ansi'],
    [['TINTIN++', 'XTERM-TRUECOLOR'], 'xterm-256color'],
    [['UNKNOWN', 'VT220'], 'vt220'],
    [['NETWORK'], undefined],
    [['../xterm', 'x'.repeat(41), 'x y', 'dumb'], 'dumb'],
    [[], undefined],
  ];
  for (const [names, term] of cases) {
    test(`${names.join(', ') || '(none)'} → ${term ?? '--term'}`, () => {
      assert.equal(
        firstKnownTerminal(names, name => known.has(name)),
        term,
      );
      const facts = { user: { name: 'a', home: '/', shell: '', uid: 1 }, environ: new Map<string, string>() };
      const knowsTerminal = (name: string) => known.has(name);
      const { env } = programEnvironment({ ...facts, terminalTypes: names, knowsTerminal }, { term: 'telpty-default' });
      assert.equal(env.TERM, term ?? 'telpty-default');
    });
  }

  test('does not depend on names that could be paths: these are never looked up', () => {
    const asked: string[] = [];
    const bad = [
      '.',
      '..',
      '../../etc/passwd',
      '/etc/passwd',
      'x/xterm',
      '-x',
      '.x',
      'a..b',
      'x\0',
      'x\n',
      'ü',
      'a:b',
      '%n',
    ];
    for (const name of [...bad, '', 'x'.repeat(41)]) {
      assert.notEqual(terminalNameRefusal(name), undefined, name);
      firstKnownTerminal([name], each => asked.push(each) > 0);
    }
    assert.deepEqual(asked, []);
    for (const name of ['x', 'xterm+256color', 'screen.xterm-256color', 'x'.repeat(40)]) {
      for (const each of terminfoNames(name)) assert.match(each, /^[A-Za-z0-9._+-]{1,40}$/);
    }
  });

  test("is the client's, if it is unknown which names the host has", () => {
    const facts = { user: { name: 'a', home: '/', shell: '', uid: 1 }, environ: new Map<string, string>() };
    const knowsTerminal = () => undefined;
    for (const [name, term] of [
      ['XTERM-GHOSTTY', 'xterm-ghostty'],
      ['DEC-VT220', 'vt220'],
      ['VT100', 'ansi'],
      ['UNKNOWN', 'xterm'],
    ] as const) {
      const { env } = programEnvironment({ ...facts, terminalType: name, terminalTypes: [name], knowsTerminal });
      assert.equal(env.TERM, term);
    }
  });
});

describe('the terminals that the host knows', () => {
  const listed = async (env: Record<string, string>, cwd = '/') => {
    const terminfo = new Terminfo(env, cwd);
    await terminfo.listed(240_000);
    return terminfo;
  };

  test('are those that ncurses finds, in either layout and in every directory', async () => {
    const hexadecimal = join(directory, 'hexadecimal');
    mkdirSync(hexadecimal);
    renameSync(join(compile(join(directory, 'letters'), 'telpty-hex'), 't'), join(hexadecimal, '74'));
    const home = join(directory, 'home');
    compile(join(home, '.terminfo'), 'telpty-home');
    for (const [env, name] of [
      [{ TERMINFO: entries }, 'telpty-a'],
      [{ TERMINFO: 'entries' }, 'telpty-a'],
      [{ TERMINFO_DIRS: `/no/such/directory::${entries}` }, 'telpty-b'],
      [{ TERMINFO: hexadecimal }, 'telpty-hex'],
      [{ HOME: home, TERMINFO: entries }, 'telpty-home'],
    ] as const) {
      const terminfo = await listed(env, directory);
      assert.equal(terminfo.has(name), true, name);
      assert.equal(terminfo.has('telpty-none'), false);
    }
    assert.equal((await listed({ TERMINFO: entries })).has('telpty-capital'), false);
  });

  test('are only files whose names match their directory', async () => {
    const odd = join(directory, 'odd');
    mkdirSync(join(odd, 't', 'telpty-directory'), { recursive: true });
    mkdirSync(join(odd, 'x'));
    writeFileSync(join(odd, 'x', 'telpty-elsewhere'), '');
    symlinkSync('/no/such/file', join(odd, 't', 'telpty-nowhere'));
    symlinkSync(join(entries, 't', 'telpty-a'), join(odd, 't', 'telpty-link'));
    const terminfo = await listed({ TERMINFO: odd });
    const has = (name: string) => terminfo.has(`telpty-${name}`);
    assert.deepEqual(['directory', 'elsewhere', 'nowhere', 'link'].map(has), [false, false, false, true]);
  });

  test('are not all known if one source is a hashed file', async () => {
    const hashed = join(directory, 'hashed');
    writeFileSync(`${hashed}.db`, 'Berkeley');
    const terminfo = await listed({ TERMINFO: hashed, TERMINFO_DIRS: entries });
    assert.equal(terminfo.has('telpty-a'), true);
    assert.equal(terminfo.has('telpty-none'), undefined);
  });

  test('are not looked up on the disk for each client', async () => {
    const once = compile(join(directory, 'once'), 'telpty-once');
    const terminfo = await listed({ TERMINFO: once });
    rmSync(once, { recursive: true });
    assert.equal(terminfo.has('telpty-once'), true);
  });
});

const TELL = 'echo "TERM=[$TERM] $(tput longname)"';

test('the program gets the first name of the cycle that it knows, otherwise the default', async () => {
  await using host = await hostScript(TELL, { term: 'telpty-b', env: { TERMINFO: entries } });
  for (const [ttype, term] of [
    [['TELPTY-NEW', 'TELPTY-A', 'XTERM'], 'telpty-a'],
    [['TELPTY-NEW', 'TELPTY-NEWER', 'TELPTY-NEWEST'], 'telpty-b'],
    [['TELPTY-NEW', 'Telpty-Capital'], 'Telpty-Capital'],
    [['../t/telpty-a', '/etc/passwd', 'TELPTY-A'], 'telpty-a'],
    [['MUDLET', 'TELPTY-A', 'MTTS 137'], 'telpty-a'],
    [['UNKNOWN', 'TELPTY-A'], 'telpty-a'],
    [['UNKNOWN'], 'telpty-b'],
  ] as const) {
    await using wire = await host.connect({ ttype, size: [80, 24] });
    await wire.expect(`TERM=[${term}] test terminal ${term}\r\n`);
  }
});

test('a name that the host knows, but not the program with its TERMINFO, is not used', async () => {
  await using without = await hostScript(TELL);
  await using wire = await without.connect({ ttype: ['TELPTY-A', 'XTERM'], size: [80, 24] });
  await wire.expect('TERM=[xterm] ');
});

test('TERM of the operator is used, and the program starts without a wait', async () => {
  await using host = await hostScript('echo "TERM=[$TERM]"', { env: { TERM: 'vt220' }, negotiationTimeout: 0 });
  await using wire = await host.connect({ silent: true });
  for (const [verb, option] of [
    [CMD.WONT, OPT.NEW_ENVIRON],
    [CMD.DONT, OPT.CHARSET],
    [CMD.WONT, OPT.NAWS],
    [CMD.WILL, OPT.TTYPE],
  ] as const) {
    wire.negotiate(verb, option);
  }
  wire.send(subnegotiation(OPT.TTYPE, [0, ...Buffer.from('TELPTY-NEW')]));
  await wire.expect('TERM=[vt220]');
});

describe('a client whose first name the host does not know', () => {
  const SEND = hex('ff fa 18 01 ff f0');
  const begin = async (host: Awaited<ReturnType<typeof hostScript>>) => {
    const wire = await host.connect({ silent: true });
    for (const [verb, option] of [
      [CMD.WONT, OPT.NEW_ENVIRON],
      [CMD.DONT, OPT.CHARSET],
      [CMD.WILL, OPT.NAWS],
      [CMD.WILL, OPT.TTYPE],
    ] as const) {
      wire.negotiate(verb, option);
    }
    wire.send(naws(80, 24));
    return wire;
  };
  const name = (text: string) => subnegotiation(OPT.TTYPE, [0, ...Buffer.from(text)]);

  test('is asked for further names until one is known, and the program starts with that one', async () => {
    await using host = await hostScript(TELL, { env: { TERMINFO: entries }, negotiationTimeout: 60_000 });
    await using wire = await begin(host);
    for (const text of ['TELPTY-1', 'TELPTY-2', 'TELPTY-3', 'TELPTY-4']) {
      await wire.expect(SEND);
      assert.equal(wire.text(), '', 'the program has not started');
      wire.send(name(text));
    }
    await wire.expect(SEND);
    wire.send(name('TELPTY-A'));
    await wire.expect('TERM=[telpty-a]');
  });

  test('gets the default if it has no other: at once if it repeats the name, soon if it does not answer', async () => {
    await using host = await hostScript(TELL, { env: { TERMINFO: entries }, negotiationTimeout: 0 });
    for (const repeats of [true, false]) {
      await using wire = await begin(host);
      await wire.expect(SEND);
      wire.send(name('TELPTY-1'));
      await wire.expect(SEND);
      if (repeats) wire.send(name('TELPTY-1'));
      await wire.expect('TERM=[xterm]');
    }
  });
});
