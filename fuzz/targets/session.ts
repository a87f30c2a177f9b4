/**
 * A whole session of a server, on a simulated transport: negotiation, the receive scheduler and the send queue, MCCP in
 * both directions, and a shell that echoes, requests line mode and reads every property of the session. For any input
 * the session ends when the client does, within bounds, and its data does not depend on how the input is cut.
 */
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { deflateSync } from 'node:zlib';
import { createServer, type Session } from '../../src/index.ts';
import { Option, type SendKind } from '../../src/protocol/index.ts';
import { flowControlOption, linemodeOption, statusOption } from '../../src/session/option-table.ts';
import type { Transport, TransportUser } from '../../src/transport/stream/transport.ts';
import { vectorFiles } from '../../test/protocol/support/vector-files.ts';
import { parseVectors, vectorInput } from '../../test/protocol/support/vectors.ts';
import { Random } from '../lib/random.ts';
import type { Target } from '../lib/target.ts';

/** As in targets/engine.ts; and compressed input may be a hundred times as much, beyond the first MiB. */
const ANSWER = 400;
const FREE = 64 * 1024;
const INFLATED = 2 * 1024 * 1024;
/** A session that should be over is not waited for any longer, in milliseconds: zlib works in other threads. */
const PATIENCE = 10_000;

/** The client's end is the fuzzer's. */
class MadeUp implements Transport {
  readonly mark = 16_384;
  readonly encrypted = false;
  sentBytes = 0;
  unsent = 0;
  finished = false;
  destroyed = false;
  paused = false;
  user: TransportUser | undefined;
  /** Whether the client takes nothing at the moment. */
  blocked = false;
  #done: (() => void) | undefined;

  get undelivered(): number {
    return this.unsent;
  }
  open(user: TransportUser): void {
    this.user = user;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  send(bytes: Uint8Array, _kind: SendKind): void {
    this.sentBytes += bytes.length;
    if (this.blocked) this.unsent += bytes.length;
  }
  discardData(): number {
    return 0;
  }
  end(done: () => void): void {
    this.finished = true;
    this.#done = done;
    this.flush();
  }
  destroy(error?: Error): void {
    if (this.destroyed) return;
    this.finished = true;
    this.destroyed = true;
    setImmediate(() => this.user?.closed(error));
  }

  /** The client takes the queued output. */
  flush(): void {
    if (this.blocked) return;
    const waited = this.unsent > 0;
    this.unsent = 0;
    if (waited) this.user?.room();
    this.#done?.();
    this.#done = undefined;
  }
}

/** What a shell may look at, all of it. */
function look({
  terminal,
  environ,
  charset,
  encoding,
  idleTime,
  unsent,
  undelivered,
}: Session & { environ?: unknown }): void {
  const { type, columns, rows } = terminal;
  assert(columns === undefined || (columns >= 0 && columns <= 65_535));
  assert(rows === undefined || (rows >= 0 && rows <= 65_535));
  assert(type === undefined || type.length <= 128);
  assert(idleTime >= 0 && unsent >= 0 && undelivered >= 0);
  assert(typeof encoding === 'string' && (charset === undefined || charset.length <= 64));
  void environ;
}

async function visit(header: number, chunks: readonly Uint8Array[]): Promise<string> {
  const transport = new MadeUp();
  const data: number[] = [];
  let inputBytes = 0;
  const server = createServer({
    compression: (header & 1) !== 0,
    compatibility: (header & 2) !== 0 ? 'tolerant' : 'strict',
    shell: session =>
      new Promise<void>(resolve => {
        session.telnet.request(Option.ECHO, 'local', true);
        session.telnet.request(Option.SGA, 'local', true);
        if ((header & 4) !== 0) session.telnet.request(Option.LINEMODE, 'remote', true);
        if ((header & 8) !== 0) session.telnet.request(Option.LFLOW, 'remote', true);
        session.on('telnet', event => {
          look(session);
          if (event.type !== 'option' || !event.enabled) return;
          if (event.option === Option.LINEMODE)
            session.telnet.handler(linemodeOption).propose({ edit: true, trapsig: true });
          if (event.option === Option.LFLOW)
            session.telnet.handler(flowControlOption).control({ enabled: true, restart: 'any' });
          if (event.option === Option.STATUS && event.side === 'remote') session.telnet.handler(statusOption).ask();
        });
        session.on('command', () => look(session));
        session.on('data', (chunk: Buffer) => {
          data.push(...chunk.subarray(0, 4_096));
          inputBytes += chunk.length;
          session.write(chunk);
        });
        session.on('hangup', () => resolve());
        session.once('end', resolve);
        session.once('close', resolve);
      }),
  });
  const failures: unknown[] = [];
  server.on('error', error => failures.push(error));
  let outcome: { error?: unknown } | undefined;
  server.on('session-end', (_session, how) => {
    outcome = how;
  });
  const session = server.handle(transport);
  session.on('error', error => {
    if ((error as { code?: string }).code?.startsWith('ERR_')) failures.push(error);
  });
  for (const [index, chunk] of chunks.entries()) {
    if (transport.destroyed) break;
    transport.blocked = (header & 16) !== 0 && index % 3 === 0;
    transport.user?.arrived(Buffer.from(chunk));
    if ((header & 32) !== 0 && index === 1) transport.user?.urgent();
    for (let turns = 0; transport.paused && turns < 64; turns++) await turn();
    if (!transport.blocked) transport.flush();
  }
  transport.blocked = false;
  transport.flush();
  if ((header & 64) !== 0) transport.destroy();
  else if (!transport.destroyed) {
    transport.user?.finishing();
    transport.user?.ended();
  }
  const end = performance.now() + PATIENCE;
  while (outcome === undefined && performance.now() < end) {
    // The client takes the output, and closes its side after the server has.
    transport.flush();
    if (transport.finished) transport.destroy();
    await turn();
  }
  assert(outcome !== undefined, 'the session does not end');
  if (outcome.error !== undefined) throw outcome.error;
  if (failures.length > 0) throw failures[0];
  const input = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  assert(inputBytes <= INFLATED + 100 * input, 'more data than can have come');
  assert(transport.sentBytes <= FREE + ANSWER * input + 2 * inputBytes, 'more is sent than was asked for');
  return Buffer.from(data).toString('hex');
}

export const target: Target = {
  name: 'session',
  longest: 2_048,
  seeds: () => {
    const vectors = vectorFiles()
      .flatMap(([, source]) => parseVectors(source))
      .map(vectorInput);
    const compressed = deflateSync(Buffer.from('compressed input \xff\xfd\x01 and more'.repeat(3), 'latin1'));
    const [WILL, DO, SB, IAC, SE] = [251, 253, 250, 255, 240];
    const mccp = [IAC, DO, 86, IAC, DO, 87, IAC, SB, 87, IAC, SE];
    return [
      ...vectors.map((input, at) => Uint8Array.from([at & 0x7f, 3, ...input])),
      Uint8Array.from([1, 9, ...mccp, ...compressed]),
      Uint8Array.from([5, 2, IAC, WILL, 34, IAC, WILL, 24, IAC, WILL, 31, ...mccp]),
    ];
  },
  async run(input) {
    const [header = 0, seed = 0] = input;
    const random = new Random(seed);
    const rest = input.subarray(2);
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < rest.length; ) {
      const size = 1 + random.below(random.below(2) === 0 ? 4 : 200);
      chunks.push(rest.slice(at, at + size));
      at += size;
    }
    const data = await visit(header, chunks);
    // Where input is dropped (by urgent data, a destruction, or a spoiled stream) it depends on the time.
    if ((header & (1 | 32 | 64)) === 0) {
      const whole = await visit(header, rest.length > 0 ? [rest] : []);
      if (!isLogout(rest)) assert.equal(data, whole, 'the cut of the input shows');
    }
  },
};

/** A client that asks to be logged out is not read to its end. */
const isLogout = (bytes: Uint8Array) => Buffer.from(bytes).includes(Buffer.of(253, 18));
