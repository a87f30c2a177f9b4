import {
  type OptionDefinition,
  Telnet,
  type TelnetConfig,
  type TelnetEvent,
  type TelnetLimits,
} from '../../../src/protocol/index.ts';
import { describe, literal } from './notation.ts';

/**
 * The actions of an engine, in order. Runs of data and of output are joined, so that they do not depend on the cut of
 * the input.
 */
export type Entry = { kind: 'sent' | 'data'; bytes: number[] } | { kind: 'event'; event: TelnetEvent };

/** An engine whose results are recorded. */
export class Recorder {
  readonly entries: Entry[] = [];
  readonly telnet: Telnet;
  /** Called with the output, to connect another engine. */
  wire: ((bytes: Uint8Array) => void) | undefined;

  constructor(
    options: readonly OptionDefinition[],
    carriageReturn: TelnetConfig['carriageReturn'] = 'key',
    limits?: Partial<TelnetLimits>,
    compatibility: TelnetConfig['compatibility'] = 'strict',
    deferred?: () => void,
    now?: () => number,
  ) {
    const handlers = {
      ...(deferred && { deferred }),
      ...(now && { now }),
      send: (bytes: Uint8Array) => {
        this.#bytes('sent', bytes);
        this.wire?.(bytes);
      },
      data: (view: Uint8Array) => this.#bytes('data', view),
      event: (event: TelnetEvent) => void this.entries.push({ kind: 'event', event }),
    };
    this.telnet = new Telnet(handlers, { options, carriageReturn, compatibility }, limits);
  }

  /** The entries recorded since the last call: `< …` sent, `= data …`, `= <event>`. */
  take(): string[] {
    return this.entries.splice(0).map(entry => {
      if (entry.kind === 'event') return `= ${describe(entry.event)}`;
      const bytes = Uint8Array.from(entry.bytes);
      return entry.kind === 'sent' ? `< ${literal(bytes)}` : `= data ${literal(bytes)}`;
    });
  }

  sent(): Uint8Array {
    return Uint8Array.from(this.entries.flatMap(entry => (entry.kind === 'sent' ? entry.bytes : [])));
  }

  data(): Uint8Array {
    return Uint8Array.from(this.entries.flatMap(entry => (entry.kind === 'data' ? entry.bytes : [])));
  }

  events(): TelnetEvent[] {
    return this.entries.flatMap(entry => (entry.kind === 'event' ? [entry.event] : []));
  }

  #bytes(kind: 'sent' | 'data', bytes: Uint8Array): void {
    let last = this.entries.at(-1);
    if (last?.kind !== kind) {
      last = { kind, bytes: [] };
      this.entries.push(last);
    }
    for (const byte of bytes) last.bytes.push(byte);
  }
}

/**
 * Cuts bytes into pieces of the given sizes, and then the rest. Pieces are copies, so that a test can detect a view
 * that is kept too long.
 */
export function* cuts(bytes: Uint8Array, sizes: Iterable<number>): Generator<Uint8Array> {
  let at = 0;
  for (const size of sizes) {
    if (at >= bytes.length) return;
    yield bytes.slice(at, at + size);
    at += size;
  }
  if (at < bytes.length) yield bytes.slice(at);
}
