/** The queue of output that waits for the kernel, and discarding data from it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  binary,
  Command,
  Option,
  type SendKind,
  suppressGoAhead,
  Telnet,
  type TelnetEvent,
  terminalType,
} from '../../src/protocol/index.ts';
import { UnsentQueue } from '../../src/transport/stream/unsent-queue.ts';

const { IAC, DM, WILL } = Command;

/** Data made of the difficult cases: doubled 255, CR LF, CR NUL, split anywhere between writes. */
const data = fc
  .array(fc.constantFrom(255, 13, 10, 0, 97, 98), { minLength: 1, maxLength: 12 })
  .map(bytes => ({ kind: 'data' as const, bytes: Uint8Array.from(bytes) }));
const control = fc.constantFrom(
  { kind: 'command' as const },
  { kind: 'subnegotiation' as const },
  { kind: 'negotiation' as const },
);
const step = fc.oneof({ weight: 3, arbitrary: data }, { weight: 1, arbitrary: control });

interface Run {
  readonly sent: readonly (readonly [Uint8Array, SendKind])[];
  readonly telnet: Telnet;
}

/** An engine that has sent all of these, and its calls of the transport. */
function run(
  steps: readonly { kind: string; bytes?: Uint8Array }[],
  sink: (bytes: Uint8Array, kind: SendKind) => void,
  isBinary: boolean,
): Run {
  const sent: (readonly [Uint8Array, SendKind])[] = [];
  const telnet = new Telnet(
    {
      send: (bytes, kind) => {
        sent.push([bytes, kind]);
        sink(bytes, kind);
      },
      data: () => {},
      event: () => {},
    },
    { options: [binary({ local: true }), suppressGoAhead({ local: true }), terminalType({ names: ['X'] })] },
  );
  if (isBinary) telnet.receive(Uint8Array.of(IAC, Command.DO, Option.BINARY));
  telnet.receive(Uint8Array.of(IAC, Command.DO, Option.TTYPE));
  for (const { kind, bytes } of steps) {
    if (bytes !== undefined) telnet.write(bytes);
    else if (kind === 'command') telnet.command(Command.NOP);
    else if (kind === 'negotiation') telnet.announce(Option.SGA, 'local', true);
    else telnet.subnegotiate(Option.TTYPE, Uint8Array.of(0, IAC, 13));
  }
  return { sent, telnet };
}

/** A stream as a client parses it: its data as received except for IAC IAC, and how much of that precedes a DM. */
function read(stream: Uint8Array): { text: string; events: string[]; warnings: number; untilMark: number } {
  const parts: Uint8Array[] = [];
  let untilMark = 0;
  const events: string[] = [];
  let warnings = 0;
  const client = new Telnet(
    {
      send: () => {},
      data: view => parts.push(Uint8Array.from(view)),
      event: (event: TelnetEvent) => {
        if (event.type === 'warning') warnings++;
        if (event.type === 'command' && event.command === DM) untilMark = Buffer.concat(parts).length;
        if (event.type === 'command') events.push(String(event.command));
        if (event.type === 'subnegotiation') events.push(`SB ${event.payload}`);
      },
      trace: (direction, record) => {
        if (direction === 'received' && record.kind === 'negotiation') events.push(`${record.verb} ${record.option}`);
      },
    },
    {
      carriageReturn: 'text',
      options: [
        binary({ remote: true }),
        suppressGoAhead({ remote: true }),
        { code: Option.TTYPE, local: false, remote: true },
      ],
    },
  );
  client.receive(Uint8Array.of(IAC, WILL, Option.TTYPE, IAC, WILL, Option.BINARY));
  events.length = 0;
  client.receive(stream);
  return { text: Buffer.concat(parts).toString('latin1'), events, warnings, untilMark };
}

test('property: after data was discarded the rest is whole, with any queue and wherever the kernel stopped', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 30 }),
      fc.array(step, { maxLength: 5 }),
      fc.nat(200),
      fc.boolean(),
      (before, after, room, isBinary) => {
        const wire: number[] = [];
        const queue = new UnsentQueue();
        let left = room;
        let isDiscarded = false;
        const sink = (bytes: Uint8Array, kind: SendKind): void => {
          const taken = isDiscarded ? 0 : Math.min(left, bytes.length);
          left -= taken;
          wire.push(...bytes.subarray(0, taken));
          if (taken < bytes.length) queue.push(bytes, taken, kind);
        };
        const { telnet } = run(before, sink, isBinary);
        // Some more is sent from the queue, as in a later turn.
        left = queue.isEmpty ? 0 : room % 7;
        while (left > 0 && !queue.isEmpty) {
          const { bytes } = queue.next()!;
          const taken = Math.min(left, bytes.length);
          wire.push(...bytes.subarray(0, taken));
          left -= taken;
          queue.advance(taken);
        }
        const waiting = queue.length;
        const dropped = queue.discardData(wire.at(-1) ?? 0);
        isDiscarded = true;
        assert.equal(queue.length, waiting - dropped);
        telnet.command(DM);
        for (const { kind, bytes } of after as { kind: string; bytes?: Uint8Array }[]) {
          if (bytes !== undefined) telnet.write(bytes);
          else if (kind === 'command') telnet.command(Command.NOP);
        }
        for (let next = queue.next(); next !== undefined; next = queue.next()) {
          wire.push(...next.bytes);
          queue.advance(next.bytes.length);
        }

        const got = read(Uint8Array.from(wire));
        const whole: number[] = [];
        run([...before, { kind: 'mark' }], bytes => whole.push(...bytes), isBinary);
        const all = read(Uint8Array.from(whole));
        assert.equal(got.warnings, 0);
        // A NUL may be the one that completes a CR of discarded data.
        const shown = got.text.slice(0, got.untilMark).replaceAll('\0', '');
        assert.equal(shown, all.text.replaceAll('\0', '').slice(0, shown.length));
        if (!isBinary) assert.doesNotMatch(got.text, /\r[^\n\0]/);
        const mark = got.events.indexOf(String(DM));
        assert.deepEqual(got.events.slice(0, mark), all.events.slice(0, mark));
        // Every command from before, then the mark, then those from after it.
        assert.equal(mark, before.filter(({ kind }) => kind !== 'data').length + (isBinary ? 1 : 0) + 1);
      },
    ),
    { numRuns: 2_000 },
  );
});

test('with IAC NOP after the NUL of a CR, no half of a command is left wherever the kernel stopped', () => {
  const { NOP } = Command;
  const bytes = Uint8Array.of(97, 13, 0, IAC, NOP, IAC, IAC, 13, 0, IAC, NOP, IAC, IAC, IAC, IAC, 98);
  const all = read(bytes);
  for (let taken = 0; taken < bytes.length; taken++) {
    const queue = new UnsentQueue();
    queue.push(bytes, taken, 'data');
    queue.discardData(bytes[taken - 1] ?? 0);
    const rest = queue.next()?.bytes ?? [];
    const got = read(Uint8Array.of(...bytes.subarray(0, taken), ...rest, IAC, DM));
    assert.equal(got.warnings, 0, `warnings at ${taken}`);
    assert.equal(got.text, all.text.slice(0, got.text.length), `data at ${taken}`);
    assert.deepEqual(got.events, [...all.events.slice(0, got.events.length - 1), String(DM)], `commands at ${taken}`);
  }
});

test('a waiting mark is replaced by the next, so that any number of marks takes no more memory than one', () => {
  const queue = new UnsentQueue();
  queue.push(Buffer.from('text'), 0, 'data');
  for (let i = 0; i < 1000; i++) {
    queue.discardData(0);
    queue.push(Uint8Array.of(IAC, DM), 0, 'urgent');
  }
  assert.equal(queue.length, 2);
  assert.deepEqual(queue.next()?.kind, 'urgent');
  queue.advance(1);
  assert.equal(queue.discardData(IAC), 0);
  assert.deepEqual([...queue.next()!.bytes], [DM]);
});

test('a mark of which the kernel has taken the first byte is sent to its end', () => {
  const queue = new UnsentQueue();
  queue.push(Uint8Array.of(IAC, DM), 1, 'urgent');
  queue.push(Buffer.from('text'), 0, 'data');
  assert.equal(queue.discardData(IAC), 4);
  assert.deepEqual(queue.next(), { bytes: Buffer.of(DM), kind: 'urgent' });
  assert.equal(queue.length, 1);
});
