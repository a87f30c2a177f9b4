import { Command, Option } from '../../constants.ts';
import type { Side } from '../../events.ts';
import type { OptionContext } from '../option.ts';
import {
  FORWARDMASK,
  formatForwardmask,
  LONG_MASK,
  MOST_UNANSWERED,
  readForwardmask,
  SHORT_MASK,
} from './wire-format.ts';

/** The characters at which the client sends the typed input, in addition to line endings (RFC 1184, 2.3). */
export interface ForwardmaskEvent {
  readonly type: 'forwardmask';
  /**
   * In ascending order, 0 to 255, or 0 to 127 without BINARY. `undefined`: no mask is in force (it was refused or
   * withdrawn).
   */
  readonly characters: readonly number[] | undefined;
  /** `'us'`: the client's answer to the mask that we requested; `'peer'`: the server requested it. */
  readonly by: 'us' | 'peer';
}

declare module '../../events.ts' {
  interface TelnetEvents {
    readonly forwardmask: ForwardmaskEvent;
  }
}

const { DO, DONT, WILL, WONT } = Command;

/**
 * The forwarding characters of LINEMODE (RFC 1184, 2.3): the server sends DO and DONT, the client answers WILL and
 * WONT.
 */
export class Forwardmask {
  readonly #telnet: OptionContext;
  readonly #isServer: boolean;
  readonly #accepts: boolean;
  /** Server: the requested characters. Client: the characters that it agreed to. */
  #characters: readonly number[] | undefined;
  /** Server: the verbs (DO, DONT) that are not answered yet, in order. */
  #asked: number[] = [];

  /** @param accepts for a client: whether it agrees to masks */
  constructor(telnet: OptionContext, isServer: boolean, accepts: boolean) {
    this.#telnet = telnet;
    this.#isServer = isServer;
    this.#accepts = accepts;
  }

  /**
   * Sets the characters that the server's application requests. `isEnabled`: LINEMODE is enabled, so that a request can
   * be sent.
   */
  want(characters: readonly number[] | undefined, isEnabled: boolean): void {
    const had = this.#characters !== undefined;
    this.#characters = characters;
    if (!isEnabled) return;
    if (characters !== undefined) this.#ask(DO, this.#mask(characters));
    else if (had) this.#ask(DONT);
  }

  enabled(): void {
    if (this.#characters !== undefined) this.#ask(DO, this.#mask(this.#characters));
  }

  disabled(): void {
    this.#asked = [];
    if (!this.#isServer) this.#characters = undefined;
  }

  /** The client has started or stopped sending BINARY, which makes the mask longer or shorter. */
  binaryChanged(): void {
    if (this.#characters?.some(character => character >= 8 * SHORT_MASK)) this.enabled();
  }

  /** The peer has sent WILL, WONT, DO or DONT. */
  received(verb: number, mask: Uint8Array): void {
    const isAnswer = verb === WILL || verb === WONT;
    if (isAnswer !== this.#isServer) {
      this.#warn(
        'unexpected-subnegotiation',
        'FORWARDMASK from the wrong side: the server requests, the client answers',
      );
    } else if (isAnswer) {
      this.#answered(verb === WILL);
    } else if (verb === DONT) {
      if (this.#characters !== undefined) this.#answer(undefined);
    } else {
      const isTooLong = mask.length > LONG_MASK;
      if (isTooLong) this.#warn('malformed-subnegotiation', `a FORWARDMASK of ${mask.length} bytes`);
      this.#answer(this.#accepts && !isTooLong ? readForwardmask(mask, this.#size('local')) : undefined);
    }
  }

  /** WILL answers a DO. WONT answers a DO or a DONT, but not every client answers a DONT. */
  #answered(agrees: boolean): void {
    const place = agrees ? this.#asked.indexOf(DO) : Math.min(0, this.#asked.length - 1);
    if (place < 0) {
      if (agrees) this.#warn('unexpected-subnegotiation', 'WILL FORWARDMASK without a request');
      return;
    }
    const answersDo = this.#asked[place] === DO;
    this.#asked.splice(0, place + 1);
    // A client that has refused a mask does not answer the DONT that follows.
    if (answersDo && !agrees && this.#asked[0] === DONT) this.#asked.shift();
    // Only the answer to the last DO counts, and only if that DO is still what the application requests.
    if (!answersDo || this.#asked.includes(DO) || this.#characters === undefined) return;
    const characters = agrees ? readForwardmask(this.#mask(this.#characters), LONG_MASK) : undefined;
    this.#telnet.emit({ type: 'forwardmask', characters, by: 'us' });
  }

  #answer(characters: readonly number[] | undefined): void {
    const had = this.#characters !== undefined;
    this.#characters = characters;
    this.#send(characters === undefined ? WONT : WILL);
    if (had || characters !== undefined) this.#telnet.emit({ type: 'forwardmask', characters, by: 'peer' });
  }

  #ask(verb: number, mask?: Uint8Array): void {
    this.#asked.push(verb);
    if (this.#asked.length > MOST_UNANSWERED) this.#asked.shift();
    this.#send(verb, mask);
  }

  #mask(characters: readonly number[]): Uint8Array {
    return formatForwardmask(characters, this.#size('remote'));
  }

  #size(client: Side): number {
    return this.#telnet.isEnabled(Option.BINARY, client) ? LONG_MASK : SHORT_MASK;
  }

  #send(verb: number, mask: Uint8Array = new Uint8Array(0)): void {
    this.#telnet.subnegotiate(Option.LINEMODE, Uint8Array.of(verb, FORWARDMASK, ...mask));
  }

  #warn(code: 'unexpected-subnegotiation' | 'malformed-subnegotiation', message: string): void {
    this.#telnet.warn(code, `LINEMODE: ${message}`, Option.LINEMODE);
  }
}
