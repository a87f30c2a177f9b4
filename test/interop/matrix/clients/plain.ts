/** Clients with minimal Telnet support: curl and the example of libtelnet. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { ByteLog } from '../../../support/format/byte-log.ts';
import { untilTrue } from '../../../support/leaks.ts';
import { PATIENCE_MS } from '../../../support/patience.ts';
import { requireTool } from '../../../support/system/tools.ts';
import { Desk } from '../desk.ts';
import { characterServer, lineServer } from '../ours.ts';
import { no, notApplicable, type Peer, yes } from '../rows.ts';
import type { Visitor } from '../visit.ts';
import * as visit from '../visit.ts';

const NO_TLS = 'it does not support TLS';

const LIBTELNET: Visitor = { command: port => [requireTool('telnet-client'), '127.0.0.1', String(port)] };

/** It prints data as C strings, and sends LF as CR LF. */
async function libtelnetBytes(): Promise<void> {
  await using desk = await visit.arrive(LIBTELNET);
  desk.enter('bytes');
  await desk.waitFor(/\ngo$/);
  desk.type(visit.ALL_BYTES);
  await desk.waitForBytes(Buffer.from('done'));
  assert.ok(!desk.drawn.bytes.includes(visit.ALL_BYTES.toString('hex')));
  assert.ok(!desk.drawn.bytes.includes(visit.ALL_BYTES));
}

export const libtelnetClient: Peer = {
  name: "libtelnet's telnet-client",
  source: 'libtelnet-utils',
  cells: {
    connects: yes(() => visit.connects(LIBTELNET)),
    types: yes(() => visit.types(LIBTELNET)),
    size: no('it does not know the option', () => visit.sizeStays(LIBTELNET)),
    terminal: yes(() => visit.terminal(LIBTELNET)),
    environment: no('it does not know the option'),
    password: yes(() => visit.password(LIBTELNET)),
    resize: no('it does not know the option', () => visit.sizeStays(LIBTELNET)),
    binary: no('it sends LF as CR LF, and stops printing at a NUL', libtelnetBytes),
    interrupt: yes(() => visit.interrupt(LIBTELNET)),
    line: yes(() => visit.lineUnedited(LIBTELNET), 'it echoes, and the server edits'),
    charset: yes(() => visit.charset(LIBTELNET)),
    tls: no(NO_TLS),
  },
};

/**
 * curl in a terminal, whose modes it does not change: the kernel edits and echoes, whatever the server does. Between
 * two reads from the network curl waits for a line of input, so an answer may appear only after another line.
 */
async function curlSays(
  port: number,
  options: readonly string[],
  lines: readonly string[],
  answer: RegExp,
): Promise<Desk> {
  const desk = Desk.open([requireTool('curl'), '-sN', ...options, `telnet://127.0.0.1:${port}`]);
  let over = false;
  const seen = desk.waitFor(answer).finally(() => {
    over = true;
  });
  for (const line of lines) desk.enter(line);
  while (!over) {
    await Promise.race([seen, delay(50)]);
    desk.enter('');
  }
  await seen;
  return desk;
}

async function asked(options: string[], line: string, answer: RegExp): Promise<void> {
  await using _desk = await curlSays((await characterServer()).port, options, [line], answer);
}

async function curlConnects(): Promise<void> {
  await using desk = await curlSays((await characterServer()).port, [], [], /ready>/);
  desk.enter('quit');
  while (desk.pty.writable && !(await Promise.race([desk.pty.exited, delay(50)]))) desk.enter('');
  assert.equal(await desk.exitStatus(), 0);
}

async function curlPassword(): Promise<void> {
  await using desk = await curlSays((await characterServer()).port, [], ['secret', 'sesame'], /6 letters/);
  assert.ok(desk.drawn.bytes.includes('sesame'));
}

async function curlInterrupt(): Promise<void> {
  await using desk = await curlSays((await characterServer()).port, [], [], /ready>/);
  desk.type('\x03');
  assert.equal(await desk.exitStatus(), null);
}

async function curlLine(): Promise<void> {
  await using _desk = await curlSays((await lineServer()).port, [], ['say helo\x7flo'], /heard <hello>/);
}

/** Through pipes: a terminal would interpret some of the bytes. */
async function curlBytes(): Promise<void> {
  const url = `telnet://127.0.0.1:${(await characterServer()).port}`;
  const child = spawn(requireTool('curl'), ['-sN', url], { stdio: ['pipe', 'pipe', 'inherit'] });
  const output = new ByteLog();
  child.stdout.on('data', chunk => output.append(chunk));
  const until = async (wanted: Buffer, nudge: () => void) => {
    const printed = () => `curl printed no ${wanted}, but ${JSON.stringify(output.bytes.toString())}`;
    const hasPrinted = () => {
      if (output.bytes.includes(wanted)) return true;
      nudge();
      return false;
    };
    await untilTrue(hasPrinted, PATIENCE_MS, printed);
  };
  try {
    // One for each look, as long as the test waits.
    let meaningless = Math.ceil(PATIENCE_MS / 20);
    child.stdin.write(`bytes ${meaningless}\n`);
    await until(Buffer.from('go\r\n'), () => {
      if (meaningless-- > 0) child.stdin.write('\n');
    });
    child.stdin.write(Buffer.concat([Buffer.alloc(Math.max(meaningless, 0), '\n'), visit.ALL_BYTES]));
    const received = Buffer.from(`received ${visit.ALL_BYTES.toString('hex')}\r\n`);
    await until(Buffer.concat([received, visit.ALL_BYTES]), () => child.stdin.write('\n'));
  } finally {
    child.kill('SIGKILL');
    await once(child, 'close');
  }
}

export const curl: Peer = {
  name: 'curl',
  source: 'curl',
  cells: {
    connects: yes(curlConnects),
    types: yes(
      () => asked([], 'say helo\x7flo', /heard <hello>/),
      'one line at a time; an answer may appear with the next line',
    ),
    size: yes(() => asked(['-t', 'WS=101x31'], 'size', /size 31 101/), 'as given by `-t WS=`'),
    terminal: yes(() => asked(['-t', 'TTYPE=vt220'], 'term', /terminal <vt220>/), 'as given by `-t TTYPE=`'),
    environment: yes(
      () => asked(['-t', 'NEW_ENV=DISPLAY,desk:7.1'], 'env DISPLAY', /DISPLAY <desk:7\.1>/),
      'as given by `-t NEW_ENV=`',
    ),
    password: no('its terminal keeps echoing', curlPassword),
    resize: notApplicable('its window size is fixed by `-t WS=`'),
    binary: yes(curlBytes, 'through pipes'),
    interrupt: no('^C ends curl', curlInterrupt),
    line: yes(curlLine),
    charset: yes(() => asked([], 'hex é漢', /bytes c3 a9 e6 bc a2/)),
    tls: no('it does not support telnets://'),
  },
};
