/** `--user-range`: each session has its own user id, and no process of it is left afterwards. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { isRoot } from '../../pty/support.ts';
import { Wire } from '../../support/clients/test-client.ts';
import { childrenOf, isAlive, untilTrue } from '../../support/leaks.ts';
import { XTERM } from '../../support/servers/host.ts';
import { ask } from '../../support/servers/metrics.ts';
import { CLI, startServer, type TestServer } from '../../support/servers/server.ts';
import { hermeticBash, PROMPT } from '../../support/system/programs.ts';
import { requireRoot, requireTool } from '../../support/system/tools.ts';

/** Different for each test process: a test with a user id that is in use would have to wait, perhaps forever. */
const FIRST = 71_000 + (process.pid % 1_000) * 10;
const rangeOf = (size: number) => ['--user-range', `${FIRST}-${FIRST + size - 1}`];

/** Only root can use a range; the error for other users is tested below. */
const asRoot = (name: string, body: () => Promise<void>) =>
  it(name, { timeout: 600_000 }, async () => {
    requireRoot();
    await body();
  });

/** Living processes of a user, by their real id; with zombies, which keep an id in use, too. */
function processesOf(uid: number, withZombies = false): number[] {
  return readdirSync('/proc').flatMap(name => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const status = readFileSync(`/proc/${name}/status`, 'latin1');
      return new RegExp(`^Uid:\\s*${uid}\\s`, 'm').test(status) && (withZombies || !/^State:\s*Z/m.test(status))
        ? [Number(name)]
        : [];
    } catch {
      return [];
    }
  });
}

/** A session with a shell. */
class Visit {
  readonly wire: Wire;
  #asked = 0;

  private constructor(wire: Wire) {
    this.wire = wire;
  }

  static async begin(server: TestServer): Promise<Visit> {
    const wire = await Wire.connect(server.port, XTERM);
    await wire.expect(PROMPT);
    return new Visit(wire);
  }

  /** The output of a command. */
  async ask(command: string): Promise<string> {
    const number = ++this.#asked;
    // The quotes distinguish the output from the echo of the input.
    this.wire.type(`echo '<'${number}; ${command}; echo ${number}'>'\r`);
    await this.wire.expect(`${number}>\r\n`);
    const text = this.wire.text();
    const begin = `<${number}\r\n`;
    return text
      .slice(text.indexOf(begin) + begin.length, text.indexOf(`${number}>\r\n`))
      .replaceAll('\r\n', '\n')
      .trim();
  }

  async uid(): Promise<number> {
    return Number(await this.ask('id -u'));
  }
}

const bash = hermeticBash();
const start = (size: number, ...args: string[]) =>
  startServer([...rangeOf(size), '--max-sessions', String(size), ...bash.args, ...args], { program: bash.program });

describe('telpty serve --user-range', () => {
  asRoot('a session has a user id, the group id of the same number, and nothing else', async () => {
    await using server = await start(5);
    const { wire, ...visit } = await Visit.begin(server).then(it => Object.assign(it, { ask: it.ask.bind(it) }));
    const uid = Number(await visit.ask('id -u'));
    assert.ok(uid >= FIRST && uid < FIRST + 5, String(uid));
    const four = `${uid} ${uid} ${uid} ${uid}`;
    assert.equal(
      await visit.ask('grep -E "^(Uid|Gid|Groups|NoNewPrivs|CapPrm)" /proc/self/status | tr -s "\\t " " "'),
      `Uid: ${four}\nGid: ${four}\nGroups: \nCapPrm: 0000000000000000\nNoNewPrivs: 1`,
    );
    assert.equal(await visit.ask('echo $HOME $USER $LOGNAME $SHELL'), `/ ${uid} ${uid} /bin/sh`);
    assert.equal(await visit.ask('stat -c "%u %a" $(tty); : < $(tty) && echo mine'), `${uid} 600\nmine`);
    await server.waitForLog(new RegExp(`session 1 started: .*user id ${uid}`));
    await wire.close();
    await server.waitForLog(/session 1 ended/);
    assert.deepEqual(processesOf(uid), []);
  });

  asRoot('sessions cannot open, read, signal or trace each other', async () => {
    await using server = await start(2);
    const [one, two] = [await Visit.begin(server), await Visit.begin(server)];
    assert.notEqual(await one.uid(), await two.uid());
    const [terminal, pid] = [await two.ask('tty'), await two.ask('echo $$')];
    const closed = [
      `: < ${terminal}`,
      `: > ${terminal}`,
      `: > /proc/${pid}/fd/0`,
      `kill -0 ${pid}`,
      `cat /proc/${pid}/environ`,
      `: < /proc/${pid}/mem`,
      `ls /proc/${pid}/fd/`,
      `ls /proc/${pid}/cwd/`,
    ];
    for (const command of closed) {
      assert.match(await one.ask(`(${command}) 2>&1`), /ermission denied|not permitted/, command);
    }
    // kill -1 only reaches its own user's processes.
    await one.ask('kill -CONT -1');
    assert.equal(await two.ask('echo there'), 'there');
    await one.wire.close();
    await two.wire.close();
  });

  asRoot('an id is free when nothing is left of its session, daemons too, and is refused until then', async () => {
    await using server = await start(1, '--max-sessions', '9', '--metrics', '0');
    const one = await Visit.begin(server);
    const uid = await one.uid();
    const daemons = "(trap '' HUP TERM; setsid sleep 1000 & setsid sh -c 'setsid sleep 1000 & sleep 1000' &)";
    await one.ask(`${daemons}; until [ $(pgrep -cu ${uid} sleep) = 3 ]; do sleep 0.02; done`);
    const refused = await Wire.connect(server.port, XTERM);
    await refused.untilEnd();
    assert.equal(refused.text(), 'telpty: no user id is free for your session, try again later\r\n');
    await refused.close();
    await server.waitForLog(/session 2 refused: .*, no-user-id/);
    assert.match((await ask(server, '/metrics')).text, /^telpty_refused_total\{reason="no-user-id"\} 1$/m);
    assert.equal(await one.ask('echo still here'), 'still here');
    one.wire.type('exit 3\r');
    // The client sees the end when no process is left.
    await one.wire.untilEnd();
    assert.deepEqual(processesOf(uid), []);
    await server.waitForLog(/session 1 ended: .*exit 3/);
    for (let turn = 0; turn < 5; turn++) {
      const next = await Visit.begin(server);
      assert.equal(await next.uid(), uid);
      next.wire.type('exit\r');
      await next.wire.untilEnd();
      await next.wire.close();
    }
    await one.wire.close();
  });

  asRoot('what forks for ever, and what stops whoever comes to kill it, is killed as well', async () => {
    await using server = await start(1, '--kill-timeout', '50ms');
    const visit = await Visit.begin(server);
    const uid = await visit.uid();
    const python = requireTool('python3');
    const runaway = 'import os; os.setsid()\nwhile True:\n  if os.fork(): os._exit(0)';
    const hostile = `import os, signal; os.setsid(); print('hostile', flush=True)
while True:
  os.kill(-1, signal.SIGSTOP)
  os.kill(-1, signal.SIGCONT)`;
    for (const script of [runaway, runaway, hostile]) {
      const text = script.replaceAll("'", '"').replaceAll('\n', '\\n');
      visit.wire.type(`(${python} -c $'${text}' &)\r`);
    }
    await visit.wire.expect(/hostile\r\n/);
    visit.wire.type('exit\r');
    await visit.wire.untilEnd();
    await visit.wire.close();
    const next = await Visit.begin(server);
    assert.equal(await next.uid(), uid);
    assert.deepEqual(
      processesOf(uid).filter(pid => !readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('bash')),
      [],
    );
    await next.wire.close();
  });

  asRoot('an id that has a process of somebody else is not used, and a warning says so', async () => {
    const { spawn } = await import('node:child_process');
    const other = spawn('sleep', ['1000'], { uid: FIRST, stdio: 'ignore' });
    try {
      await using server = await start(2, '--max-sessions', '9');
      await server.waitForLog(/--user-range has user ids for 2 sessions, --max-sessions allows 9/);
      await server.waitForLog(new RegExp(`there are processes of ${FIRST};`));
      const visit = await Visit.begin(server);
      assert.equal(await visit.uid(), FIRST + 1);
      const refused = await Wire.connect(server.port, XTERM);
      await refused.expect(/no user id is free/);
      await refused.close();
      assert.ok(isAlive(other.pid!));
      other.kill('SIGKILL');
      await untilTrue(() => !isAlive(other.pid!));
      // It is checked again, though not at once.
      for (;;) {
        const wire = await Wire.connect(server.port, XTERM);
        await wire.expect(/no user id is free|ready\$ /);
        const isServed = wire.text().includes(PROMPT);
        if (isServed) wire.type('id -u\r');
        if (isServed) await wire.expect(`${FIRST}\r\n`);
        await wire.close();
        if (isServed) break;
      }
      await visit.wire.close();
    } finally {
      other.kill('SIGKILL');
    }
  });

  asRoot('across workers an id has one session; a worker that is killed gives its own back', async () => {
    await using server = await start(3, '--workers', '2', '--kill-timeout', '100ms', '--max-sessions', '9');
    const visits = [await Visit.begin(server), await Visit.begin(server), await Visit.begin(server)];
    const uids = await Promise.all(visits.map(visit => visit.uid()));
    assert.equal(new Set(uids).size, 3);
    const refused = await Wire.connect(server.port, XTERM);
    await refused.expect(/no user id is free/);
    await refused.close();
    await visits[0]!.ask("(trap '' HUP; setsid sleep 1000 &)");
    const shell = Number(await visits[0]!.ask('echo $$'));
    const workers = childrenOf(server.pid).map(({ pid }) => pid);
    const lost = workers.find(worker => childrenOf(worker).some(({ pid }) => pid === shell))!;
    const gone: number[] = [];
    for (const [index, visit] of visits.entries()) {
      const pid = Number(await visit.ask('echo $$'));
      if (childrenOf(lost).some(child => child.pid === pid)) gone.push(uids[index]!);
    }
    process.kill(lost, 'SIGKILL');
    await server.waitForLog(/worker \d is back/);
    await untilTrue(() => gone.every(uid => processesOf(uid).length === 0));
    const found: number[] = [];
    while (found.length < gone.length) {
      const wire = await Wire.connect(server.port, XTERM);
      await wire.expect(/no user id is free|ready\$ /);
      if (!wire.text().includes(PROMPT)) {
        await wire.close();
        continue;
      }
      wire.type('echo uid=$(id -u).\r');
      found.push(Number(/uid=(\d+)\./.exec(await wire.expect(/uid=\d+\./))![1]));
      visits.push(Object.assign(Object.create(Visit.prototype), { wire }) as Visit);
    }
    assert.deepEqual(found.sort(), gone.sort());
    await Promise.all(visits.map(({ wire }) => wire.close()));
    await server.stop();
  });

  asRoot('a server that is told twice to stop leaves nothing of a session either', async () => {
    for (const workers of ['1', '2']) {
      // Init may not have reaped the processes of the previous test yet.
      await untilTrue(() => processesOf(FIRST, true).length === 0);
      const server = await start(1, '--workers', workers, '--kill-timeout', '60s');
      const visit = await Visit.begin(server);
      const uid = await visit.uid();
      await visit.ask("trap '' HUP; (setsid sleep 1000 &)");
      server.process.kill('SIGTERM');
      await server.waitForLog(/stopping/);
      server.process.kill('SIGTERM');
      await server.exited;
      await untilTrue(() => processesOf(uid).length === 0);
      await visit.wire.close();
    }
  });
});

describe('an invalid --user-range', () => {
  /** The exit status and the message, which is one line. */
  function refusal(args: readonly string[], wrapper: readonly string[] = []): [number | null, string] {
    const words = [...wrapper, process.execPath, CLI, 'serve', '--port', '0', '--log-level', 'error', ...args, 'cat'];
    const { status, stdout, stderr } = spawnSync(words[0]!, words.slice(1), { encoding: 'utf8', timeout: 300_000 });
    assert.equal(stdout, '');
    assert.match(stderr, /^telpty: .*\n$/);
    return [status, stderr.trim().replace('telpty: ', '')];
  }

  it('is wrong usage', () => {
    const cases: [string, RegExp][] = [
      ['70000', /not FROM-TO, two user ids/],
      ['a-b', /not FROM-TO/],
      ['-1-5', /not FROM-TO|forgotten/],
      ['70009-70000', /70009 is above 70000/],
      ['0-5', /contains 0, which is root/],
      ['65000-66000', /contains 65534, which is reserved/],
      ['65535-65535', /contains 65535/],
      ['4294967290-4294967295', /contains 4294967295/],
      ['70000-4294967296', /4294967296 is not a user id/],
      ['100000-200000', /more than 65536/],
    ];
    for (const [range, message] of cases) {
      const [status, words] = refusal([`--user-range=${range}`]);
      assert.equal(status, 2, range);
      assert.match(words, /^--user-range: /, range);
      assert.match(words, message, range);
    }
    const both = refusal(['--user-range', '70000-70009', '--user', 'nobody']);
    assert.deepEqual(both, [2, '--user-range: excludes --user; name one of them']);
  });

  it('is refused at the start if its ids have names, or if the server lacks the privilege', () => {
    if (isRoot) {
      assert.match(refusal(['--user-range', '1-3'])[1], /^--user-range: 1-3: it contains \d, the user \w+; /);
      const unprivileged = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
      // A server of another user cannot read the directory of a developer's root.
      assert.match(
        spawnSync('setpriv', [...unprivileged.slice(1), 'test', '-r', CLI]).status === 0
          ? refusal(['--user-range', '70000-70009'], unprivileged)[1]
          : 'only root can run programs as other users',
        /only root can run programs as other users/,
      );
    } else {
      assert.match(refusal(['--user-range', '70000-70009'])[1], /only root can run programs as other users/);
    }
  });
});
