/**
 * Terminals of programs that run as one user. Another process cannot take a terminal between its creation and its
 * session, and cannot open it after its session. The hostile programs here run as the user of the attacked programs,
 * as sessions of one `--user` do.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { it } from 'node:test';
import { type Pty, spawnPty, startPty } from '../../src/pty/index.ts';
import { nodeArguments, readAll, until } from '../pty/support.ts';
import { childrenOf, openFds, untilTrue } from '../support/leaks.ts';
import { requireRoot, requireTool } from '../support/system/tools.ts';

/** A user that owns no other process. */
const LONER = 64_322;
const identity = { uid: LONER, gid: LONER, groups: [] as number[], env: { PATH: '/usr/bin:/bin' } };

/** Without root the programs run as the server's own user, and no terminal is safe from that user. */
const asRoot = (name: string, body: () => Promise<void>) =>
  it(name, async () => {
    requireRoot();
    await body();
  });

/** All terminals of the machine. */
const terminals = () => readdirSync('/dev/pts').filter(name => /^\d+$/.test(name));

/** The terminals that this process has open. */
const ownTerminals = () => [
  ...new Set([...openFds(process.pid).values()].flatMap(file => /^\/dev\/pts\/(\d+)$/.exec(file)?.[1] ?? [])),
];

/** Tries once to open each named terminal and to make it the controlling terminal. */
const TAKE_EACH = `
import os, fcntl, termios, sys
os.setsid()
for name in sys.argv[1:]:
  try:
    fd = os.open('/dev/pts/' + name, os.O_RDWR | os.O_NOCTTY)
    print('opened', name)
    fcntl.ioctl(fd, termios.TIOCSCTTY, 0)
    print('took', name)
  except OSError: pass
print('done', flush=True)
sys.stdin.read()`;

/** The same in a loop, as fast as possible. */
const TAKE_ALWAYS = `
import os, fcntl, termios, signal, sys
signal.signal(signal.SIGHUP, signal.SIG_IGN)
os.setsid()
first = True
while True:
  for name in sys.argv[1:]:
    try: fd = os.open('/dev/pts/' + name, os.O_RDWR | os.O_NOCTTY)
    except OSError: continue
    try:
      fcntl.ioctl(fd, termios.TIOCSCTTY, 0)
      fcntl.ioctl(fd, termios.TIOCNOTTY)
    except OSError: pass
    os.close(fd)
  if first: print('running', flush=True)
  first = False`;

/** Runs a script as the user, without a terminal, until it prints the line `last`. Collects the lines before it. */
async function hostile(script: string, args: readonly string[], last: string) {
  const child = spawn(requireTool('python3'), ['-c', script, ...args], {
    uid: LONER,
    gid: LONER,
    cwd: '/',
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  const end = async () => {
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
  };
  for await (const line of createInterface(child.stdout)) {
    if (line === last) break;
    lines.push(line);
  }
  return { lines, [Symbol.asyncDispose]: end };
}

/** Ends a program at the end of the test. */
function ending(pty: Pty) {
  return {
    async [Symbol.asyncDispose]() {
      pty.resume();
      await pty.hangup({ timeout: 0 });
      pty.destroy();
    },
  };
}

asRoot('a terminal cannot be taken before it is the controlling terminal of its program', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'telpty-terminals-'));
  const procs = join(directory, 'cgroup.procs');
  const made = spawn('mkfifo', [procs]);
  await once(made, 'close');
  const before = new Set(ownTerminals());
  const children = new Set(childrenOf(process.pid).map(({ pid }) => pid));
  // The child first joins its cgroup: here the file is a FIFO, and the child blocks in open() until there is a reader.
  const starting = startPty('cat', [], { ...identity, cgroup: directory });
  let reader: number | undefined;
  /** Lets the child continue. */
  const goOn = (): void => {
    reader ??= openSync(procs, constants.O_RDONLY | constants.O_NONBLOCK);
  };
  try {
    await untilTrue(() => childrenOf(process.pid).some(({ pid }) => !children.has(pid)));
    const names = ownTerminals().filter(name => !before.has(name));
    assert.equal(names.length, 1);
    await using other = await hostile(TAKE_EACH, names, 'done');
    goOn();
    await using _ = ending(await starting);
    assert.deepEqual(other.lines, []);
    assert.equal(statSync(`/dev/pts/${names[0]}`).uid, LONER);
  } finally {
    goOn();
    await starting.catch(() => {});
    closeSync(reader!);
    rmSync(directory, { recursive: true });
  }
});

asRoot('a program that takes every terminal it can get does not prevent starts of the same user', async () => {
  // The system assigns the lowest free number.
  const taken = new Set(terminals());
  const names = Array.from({ length: 100 }, (_, number) => String(number)).filter(name => !taken.has(name));
  await using _ = await hostile(TAKE_ALWAYS, names.slice(0, 4), 'running');
  for (let count = 0; count < 100; count++) {
    const pty = await startPty('sh', ['-c', ': < /dev/tty && echo mine'], identity);
    assert.equal((await readAll(pty)).toString(), 'mine\r\n');
  }
});

asRoot('after the end of its program a terminal belongs to the server, while output is read', async () => {
  const before = new Set(ownTerminals());
  const pty = spawnPty('sh', ['-c', 'echo ready; read line; head -c 24000 /dev/zero | tr "\\0" x'], identity);
  await using _ = ending(pty);
  await until(pty, /ready/);
  pty.pause();
  const names = ownTerminals().filter(name => !before.has(name));
  assert.equal(names.length, 1);
  assert.equal(statSync(`/dev/pts/${names[0]}`).uid, LONER);
  pty.write('\r');
  await pty.exited;
  await using other = await hostile(TAKE_EACH, names, 'done');
  assert.deepEqual(other.lines, []);
});

asRoot('the same holds while other processes of its session run', async () => {
  const before = new Set(ownTerminals());
  const pty = spawnPty('sh', ['-c', "trap '' HUP; (sleep 1000 &) ; echo ready; read line"], identity);
  await using _ = ending(pty);
  await until(pty, /ready/);
  const [name = ''] = ownTerminals().filter(terminal => !before.has(terminal));
  void pty.hangup({ timeout: 300_000 });
  pty.write('\r');
  await untilTrue(() => statSync(`/dev/pts/${name}`).uid === process.geteuid!());
  await using other = await hostile(TAKE_EACH, [name], 'done');
  assert.deepEqual(other.lines, []);
});

/** The mount options of most systems, with the group of write(1), and unsafe ones. */
for (const options of ['gid=5,mode=620', 'mode=666']) {
  asRoot(`only the owner of a terminal may read and write it, unless the owner allows more (${options})`, async () => {
    const show = 'stat -c "%u %a" $(tty); mesg y; stat -c "%u %a" $(tty)';
    const body = `
      const p = pty.spawnPty('sh', ['-c', ${JSON.stringify(show)}], ${JSON.stringify(identity)});
      for await (const chunk of p) process.stdout.write(chunk);`;
    const mounted = `
      mount -t devpts -o newinstance,ptmxmode=666,${options} devpts /dev/pts
      mount --bind /dev/pts/ptmx /dev/ptmx
      exec "$@"`;
    const words = ['-m', 'sh', '-ec', mounted, 'sh', process.execPath, ...nodeArguments(body)];
    const { stdout, stderr } = spawnSync('unshare', words, { encoding: 'utf8', cwd: '/' });
    assert.equal(stdout.replaceAll('\r', ''), `${LONER} 600\n${LONER} 620\n`, stderr);
  });
}
