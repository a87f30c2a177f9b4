import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  limit,
  ptyShell,
  type Refused,
  type RobotCheckOptions,
  robotCheck,
  type Session,
  SessionLimits,
} from '../../../src/index.ts';
import { askPerson } from '../../../src/shells/guards/robot-question.ts';
import { Screen } from '../../support/clients/screen.ts';
import { CMD, OPT, type Wire, type WireOptions } from '../../support/clients/test-client.ts';
import { Host, XTERM } from '../../support/servers/host.ts';

const LIMIT = { timeout: 600_000 };
const SORRY = 'telpty: this server is for people; no valid answer was received\r\n';
const QUESTION = /type the words ([a-z]+ [a-z]+) and press Enter\.\r\n> $/i;

/** A host that runs `shell` for clients that pass. */
const hosted = (options: RobotCheckOptions = {}, shell = greet) => Host.start({ shell: robotCheck(options)(shell) });

/** A shell that reports that the check was passed, and returns the first line. */
async function greet(session: Session): Promise<string | undefined> {
  session.write('in\r\n');
  return session.readLine();
}

/** Attaches a terminal to the client. */
function attach(wire: Wire, screen = new Screen(100, 30)): Screen {
  wire.onData(bytes => screen.terminal.write(Buffer.from(bytes)));
  screen.terminal.onData(data => wire.type(data));
  return screen;
}

/** The words in the question. */
async function words(wire: Wire): Promise<string> {
  const text = await wire.expect(QUESTION);
  return QUESTION.exec(text)![1]!;
}

async function isRefused(host: Host, count = 1): Promise<void> {
  assert.deepEqual((await host.outcome(count)).result, { refused: 'robot' } satisfies Refused);
}

describe('robotCheck: terminals', LIMIT, () => {
  it('a terminal that answers gets the shell at once, on an empty line', async () => {
    await using host = await hosted();
    await using wire = await host.connect(XTERM);
    const screen = attach(wire);
    await wire.expect('in\r\n');
    wire.type('hello\r');
    assert.equal((await host.outcome()).result, 'hello');
    assert.match(await screen.waitFor(/hello/), /^in\nhello$/);
  });

  it('WILL ECHO is sent before the question, otherwise the answer would wait for Return', async () => {
    await using host = await hosted();
    await using wire = await host.connect(XTERM);
    attach(wire);
    await wire.expect('in\r\n');
    const will = wire.raw.bytes.indexOf(Buffer.of(CMD.IAC, CMD.WILL, OPT.ECHO));
    assert.ok(will >= 0 && will < wire.raw.bytes.indexOf('\x1b[6n'));
  });

  it('a client with another character set is not sent wide characters', async () => {
    await using host = await hosted();
    await using wire = await host.connect({ ...XTERM, charset: 'ISO-8859-1' });
    attach(wire);
    await wire.expect('in\r\n');
    assert.ok(wire.data.bytes.every(byte => byte < 0x80));
  });

  it('keys that were typed during the check are passed to the shell, in order, also an unfinished answer', async () => {
    await using host = await hosted();
    await using wire = await host.connect(XTERM);
    wire.type('one ');
    const screen = new Screen(100, 30);
    let answers = 0;
    wire.onData(bytes => screen.terminal.write(Buffer.from(bytes)));
    screen.terminal.onData(data => {
      wire.type(`${data}${++answers}`);
      if (answers === 3) wire.type(' two\r');
    });
    await wire.expect('in\r\n');
    assert.equal((await host.outcome()).result, 'one 123 two');
  });

  it('a program gets the input that was typed ahead, and the window size', async () => {
    const shell = async (session: Session) => robotCheck()(program)(session);
    const program = ptyShell('/bin/sh', ['-c', 'stty size; read line; echo "<$line>"']);
    await using host = await Host.start({ shell });
    await using wire = await host.connect(XTERM);
    wire.type('typed early\r');
    attach(wire);
    await wire.expect('30 100');
    await wire.expect('<typed early>');
  });

  it('if wide characters are not displayed as wide, the user is asked', async () => {
    await using host = await hosted();
    await using wire = await host.connect({ ...XTERM, charset: 'refuse' });
    const screen = new Screen(100, 30);
    // A terminal that treats each byte as a character.
    wire.onData(bytes => screen.terminal.write(Buffer.from(bytes).toString('latin1')));
    screen.terminal.onData(data => wire.type(data));
    wire.type(`${await words(wire)}\r`);
    await wire.expect('in\r\n');
  });

  for (const [what, options] of [
    ['dumb', { ttype: ['dumb'], size: [80, 24] }],
    ['too narrow', { ttype: ['xterm'], size: [39, 24] }],
  ] as [string, WireOptions][]) {
    it(`a terminal that is ${what} is not asked, but the user is`, async () => {
      await using host = await hosted();
      await using wire = await host.connect(options);
      await words(wire);
      assert.equal(wire.data.bytes.indexOf('\x1b'), -1);
    });
  }

  it('a home computer has no cursor to ask for: the user is asked, in its own character set', async () => {
    await using host = await Host.start({ shell: robotCheck()(greet), encoding: 'PETSCII' });
    await using wire = await host.connect({ ttype: ['xterm'], size: [80, 24] });
    // Its lower-case letters have the codes of upper-case letters in ASCII.
    const asked = /TYPE THE WORDS ([A-Z]+ [A-Z]+) AND/;
    await wire.until(() => asked.test(wire.text()));
    assert.equal(wire.data.bytes.indexOf('\x1b'), -1);
    wire.type(`${asked.exec(wire.text())![1]}\r`);
    await wire.expect('IN');
  });
});

describe('robotCheck: people', LIMIT, () => {
  const patient: RobotCheckOptions = { answerTimeout: 50, negotiationTimeout: 50 };

  it('a user without a terminal types two words', async () => {
    await using host = await hosted(patient);
    await using wire = await host.connect({ silent: true });
    wire.send(`${await words(wire)}\n`);
    await wire.expect('in\r\n');
    wire.send('a line\n');
    assert.equal((await host.outcome()).result, 'a line');
  });

  it('the user may mistype twice, erase, use capitals, and add quotes', async () => {
    await using host = await hosted(patient);
    await using wire = await host.connect(XTERM);
    wire.type(`not ${await words(wire)}\r`);
    await wire.expect('That was not right');
    wire.type('\r\r');
    wire.type(`${await words(wire)}x\r`);
    await wire.expect('That was not right');
    wire.type(`“${(await words(wire)).toUpperCase()}”,xyz\x7f\x7f\x7f \r`);
    await wire.expect('in\r\n');
  });

  it('the same word is never used twice, whatever the random numbers are', async () => {
    for (const chance of [(min: number) => min, (_min: number, max: number) => max]) {
      const shell = (session: Session) => askPerson(session, chance, session.signal);
      await using host = await Host.start({ shell });
      await using wire = await host.connect({ silent: true });
      const asked: string[] = [];
      for (let attempt = 1; attempt <= 3; attempt++) {
        asked.push(...(await words(wire)).split(' '));
        wire.send(attempt < 3 ? 'wrong\n' : `${asked.slice(-2).join(' ')}\n`);
      }
      assert.equal((await host.outcome()).result, true);
      assert.deepEqual([...new Set(asked)], asked);
      assert.equal(asked.length, 6);
    }
  });

  it('the third mistake is the last', async () => {
    await using host = await hosted(patient);
    await using wire = await host.connect(XTERM);
    for (let attempt = 0; attempt < 3; attempt++) {
      await words(wire);
      wire.type('what?\r');
    }
    await wire.expect(SORRY);
    await wire.untilEnd();
    await isRefused(host);
  });

  it('input before the question is not an answer, and is passed to the shell', async () => {
    await using host = await hosted(patient);
    await using wire = await host.connect({ silent: true });
    wire.send('early\n');
    wire.send(`${await words(wire)}\nlate\n`);
    await wire.expect('in\r\n');
    assert.equal((await host.outcome()).result, 'early');
  });

  it('an answer of the terminal that arrives too late is not part of the words', async () => {
    await using host = await hosted(patient);
    await using wire = await host.connect(XTERM);
    const asked = await words(wire);
    wire.type(`\x1b[12;20R\x1b[12;21R${asked.slice(0, 3)}\x1b[12;22R${asked.slice(3)}\r`);
    await wire.expect('in\r\n');
  });

  it('with askTerminal: false only the user is asked, and nothing is negotiated for the check', async () => {
    await using host = await hosted({ askTerminal: false });
    await using wire = await host.connect(XTERM);
    const asked = await words(wire);
    assert.equal(wire.raw.bytes.indexOf(Buffer.of(CMD.IAC, CMD.WILL, OPT.ECHO)), -1);
    assert.equal(wire.data.bytes.indexOf('\x1b'), -1);
    wire.type(`${asked}\r\n`);
    await wire.expect('in\r\n');
  });

  it('a MUD client keeps its line mode', async () => {
    await using host = await hosted();
    await using wire = await host.connect({ ttype: ['Mudlet', 'ANSI-TRUECOLOR', 'MTTS 2349'], size: [80, 24] });
    wire.type(`${await words(wire)}\r\n`);
    await wire.expect('in\r\n');
    assert.equal(wire.raw.bytes.indexOf(Buffer.of(CMD.IAC, CMD.WILL, OPT.ECHO)), -1);
  });

  it('the time is bounded', async () => {
    await using host = await hosted({ ...patient, questionTimeout: 100 });
    await using wire = await host.connect({ silent: true });
    await wire.expect(SORRY);
    await wire.untilEnd();
    await isRefused(host);
  });
});

/** Scripts. Each gets all received data, and the wire. */
const robots: Readonly<Record<string, (wire: Wire, bytes: Buffer) => void>> = {
  'a silent robot': () => {},
  'a robot that sends back what it reads': (wire, bytes) => wire.type(bytes),
  'a robot that sends back what it reads, by lines': (wire, bytes) => wire.type(`${bytes.toString().trim()}\r\n`),
  'a robot that gives the same answer to each question': (wire, bytes) => {
    for (const _ of bytes.toString().matchAll(/\x1b\[6n/g)) wire.type('\x1b[1;3R');
    if (bytes.includes('> ')) wire.type('root\r\n');
  },
  'a robot that counts bytes': (wire, bytes) => {
    for (const part of bytes.toString().split('\x1b[6n').slice(0, -1))
      wire.type(`\x1b[1;${Buffer.byteLength(part) + 1}R`);
    if (bytes.includes('> ')) wire.type('yes\r\n');
  },
  'a robot that counts characters': (wire, bytes) => {
    for (const part of bytes.toString().split('\x1b[6n').slice(0, -1)) wire.type(`\x1b[1;${part.length + 1}R`);
    if (bytes.includes('> ')) wire.type('yes\r\n');
  },
  'a robot that guesses': (wire, bytes) => {
    for (const _ of bytes.toString().matchAll(/\x1b\[6n/g)) wire.type('\x1b[1;99R\x1b[1;98R');
    if (bytes.includes('> ')) wire.type('maple river\r\n');
  },
  'a robot that tries names and passwords': wire => wire.type('root\r\nroot\r\nadmin\r\nadmin\r\nsh\r\n'),
  'a robot that floods': wire => wire.type(Buffer.alloc(32 * 1024, 'A')),
};

describe('robotCheck: robots', LIMIT, () => {
  for (const [what, answer] of Object.entries(robots)) {
    for (const options of [XTERM, { silent: true }] satisfies WireOptions[]) {
      it(`${what} reads one line, and the shell is never called${options === XTERM ? ', although it negotiates' : ''}`, async () => {
        let called = false;
        const times = { answerTimeout: 200, negotiationTimeout: 100, questionTimeout: 500 };
        await using host = await hosted(times, async () => {
          called = true;
          return '';
        });
        await using wire = await host.connect(options);
        wire.onData(bytes => answer(wire, Buffer.from(bytes)));
        await wire.expect(SORRY, 240_000);
        await wire.untilEnd();
        await wire.close();
        await isRefused(host);
        assert.equal(called, false);
      });
    }
  }

  it('a robot that sends a byte at a time has no more time than others', async () => {
    await using host = await hosted({ answerTimeout: 200, questionTimeout: 300 });
    await using wire = await host.connect(XTERM);
    const dribble = setInterval(() => wire.send('x'), 20);
    await wire.expect(SORRY);
    clearInterval(dribble);
    await isRefused(host);
  });

  it('a robot that disconnects, at any point, leaves nothing', async () => {
    await using host = await hosted({ answerTimeout: 100 });
    const ends: ((wire: Wire) => unknown)[] = [
      wire => wire.reset(),
      wire => wire.close(),
      wire => wire.expect('\x1b[6n').then(() => wire.reset()),
      wire => wire.expect('\x1b[6n').then(() => wire.halfClose()),
      wire => words(wire).then(() => wire.halfClose()),
      wire => words(wire).then(() => wire.close()),
    ];
    for (const end of ends) {
      const wire = await host.connect(XTERM);
      await end(wire);
      await wire.untilClose();
    }
    for (let count = 1; count <= ends.length; count++) await isRefused(host, count);
  });

  it('a session that is asked to end during the check is not refused as a robot', async () => {
    await using host = await hosted();
    for (const [count, sign] of ['\x1b[6n', 'words'].entries()) {
      await using wire = await host.connect(XTERM);
      await wire.expect(sign);
      for (const session of host.server.sessions) session.hangup('test');
      await wire.untilEnd();
      await wire.close();
      assert.equal((await host.outcome(count + 1)).result, undefined);
    }
  });
});

it('a session counts as negotiating during robotCheck, until a program runs', LIMIT, async () => {
  const admission = new SessionLimits({ maxNegotiating: 1 });
  const shell = limit({ admission })(robotCheck({ answerTimeout: 50 })(ptyShell('/bin/cat')));
  await using host = await Host.start({ shell });
  await using wire = await host.connect(XTERM);
  const asked = await words(wire);
  await using second = await host.connect(XTERM);
  await second.expect('telpty: too many connections are being opened');
  wire.type(`${asked}\r`);
  wire.type('hello\r');
  await wire.expect('hello\r\nhello\r\n');
  assert.deepEqual([admission.negotiating, admission.taken], [0, 1]);
});

it('robotCheck: invalid options', () => {
  const wrong = [{ answerTimeout: -1 }, { questionTimeout: 1.5 }, { askTerminal: 'yes' }, { timeout: 1 }];
  for (const options of wrong as RobotCheckOptions[]) {
    assert.throws(() => robotCheck(options), { code: 'ERR_INVALID_ARGUMENT' });
  }
});

it(
  'the wait for the client is limited by the age of the session, not by the start of each program',
  LIMIT,
  async () => {
    const program = ptyShell('/bin/echo', ['started'], { negotiationTimeout: 1_000 });
    const durations: number[] = [];
    const shell = async (session: Session) => {
      for (let turn = 0; turn < 10; turn++) {
        const began = performance.now();
        await program(session);
        durations.push(performance.now() - began);
      }
    };
    await using host = await Host.start({ shell });
    await using wire = await host.connect({ silent: true });
    await wire.untilEnd();
    assert.equal(wire.text(), 'started\r\n'.repeat(10));
    // If each program waited, even the fastest would take as long.
    const fastest = Math.min(...durations.slice(1));
    assert.ok(durations[0]! >= 995 && fastest < 1_000, `${durations} ms`);
  },
);
