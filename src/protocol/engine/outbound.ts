import { Command, type Verb } from '../constants.ts';
import type { TelnetHandlers } from '../events.ts';
import {
  type Escaping,
  escapeBinary,
  escapeNvt,
  frameCommand,
  frameNegotiation,
  frameSubnegotiation,
  needsNul,
  returnEnd,
} from './nvt.ts';

/**
 * Frames of negotiation. The bytes are the same for all connections, so each frame is made once; at most 4 times 256
 * frames.
 */
const negotiations = new Map<number, Uint8Array>();

function negotiationFrame(verb: Verb, option: number): Uint8Array {
  const key = verb * 256 + option;
  let frame = negotiations.get(key);
  if (frame === undefined) {
    frame = frameNegotiation(verb, option);
    negotiations.set(key, frame);
  }
  return frame;
}

/**
 * The output of one connection, in one order: data and everything else. The two share one fact: whether the NUL of a CR
 * at the end of the last write is pending (see nvt.ts).
 */
export class Outbound {
  readonly #handlers: Pick<TelnetHandlers, 'send' | 'trace'>;
  #isNulPending = false;

  constructor(handlers: Pick<TelnetHandlers, 'send' | 'trace'>) {
    this.#handlers = handlers;
  }

  /** Whether the next byte is sent unchanged, unless it is IAC or CR itself. */
  get allowsFastPath(): boolean {
    return !this.#isNulPending;
  }

  data(bytes: Uint8Array, escaping: Escaping): void {
    if (bytes.length === 0) return;
    const isNulPending = this.settle();
    if (escaping === 'binary') {
      this.#handlers.send(escapeBinary(bytes), 'data');
    } else {
      this.#isNulPending = needsNul(bytes, isNulPending);
      this.#handlers.send(escapeNvt(bytes, isNulPending, escaping === 'nvt-separated'), 'data');
    }
  }

  /** Sends the pending NUL, if there is one. @param separated whether IAC NOP follows it: see nvt.ts */
  flush(separated: boolean): void {
    // The NUL is sent as data, because it belongs to the CR: if the CR is discarded, so is its NUL.
    if (this.settle()) this.#handlers.send(returnEnd(separated), 'data');
  }

  command(code: number): void {
    this.#handlers.trace?.('sent', { kind: 'command', command: code });
    this.#handlers.send(frameCommand(code, this.settle()), code === Command.DM ? 'urgent' : 'control');
  }

  negotiation(verb: Verb, option: number): void {
    this.#handlers.trace?.('sent', { kind: 'negotiation', verb, option });
    this.#handlers.send(
      this.settle() ? frameNegotiation(verb, option, true) : negotiationFrame(verb, option),
      'control',
    );
  }

  subnegotiation(option: number, payload: Uint8Array): void {
    this.#handlers.trace?.('sent', { kind: 'subnegotiation', option, payload });
    this.#handlers.send(frameSubnegotiation(option, payload, this.settle()), 'control');
  }

  /**
   * Clears the pending NUL: the caller sends it, or it must not be sent any more. Returns whether a NUL was pending.
   */
  settle(): boolean {
    const isNulPending = this.#isNulPending;
    this.#isNulPending = false;
    return isNulPending;
  }
}
