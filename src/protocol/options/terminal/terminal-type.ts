import { check, checkEnabled } from '../../check.ts';
import { Option, optionName } from '../../constants.ts';
import type { Side } from '../../events.ts';
import { decodeText, encodeText } from '../../text.ts';
import { defineOption, type OptionContext, type OptionDefinition, type OptionHandler } from '../option.ts';

// TERMINAL-TYPE, option 24, RFC 1091.
//
//   IAC SB TTYPE SEND IAC SE                  to the side that performs it (WILL)
//   IAC SB TTYPE IS <name, ASCII> IAC SE      its answer
//
// Each SEND moves the performer to the next type on its list, and it emulates the type that it named last. The
// performer marks the end of the list by repeating the last name; the next SEND starts again at the first. MUD clients
// send their own name first, and `MTTS <bits>`, the capability bits of the MUD Terminal Type Standard, third.

/** The peer named a terminal type (RFC 1091). */
export interface TerminalTypeEvent {
  readonly type: 'terminal-type';
  /**
   * This answer, unchanged; it may be an `MTTS n`. `undefined` if the peer disabled the option before the list was
   * complete.
   */
  readonly name: string | undefined;
  /** The distinct names so far in the order of the peer's preference, without `MTTS n`. */
  readonly names: readonly string[];
  /**
   * Whether no more names will be requested: the list repeated, the limit of answers was reached, or the peer disabled
   * the option.
   */
  readonly complete: boolean;
  /** The capability bits of an `MTTS n` answer (MUD Terminal Type Standard), once one has arrived. */
  readonly mtts?: number;
}

declare module '../../events.ts' {
  interface TelnetEvents {
    readonly 'terminal-type': TerminalTypeEvent;
  }
}

const IS = 0;
const SEND = 1;
const NONE: readonly string[] = Object.freeze([]);
const MTTS = /^MTTS +(\d{1,9})$/i;

/** The handler of {@link terminalType}. */
export class TerminalType implements OptionHandler {
  readonly #telnet: OptionContext;
  readonly #collects: boolean;
  readonly #offer: readonly Uint8Array[];
  /** Index in our own list of the next answer. */
  #next = 0;
  /**
   * The peer's answers, unchanged and without duplicates. Lists are replaced, not modified. So they can be handed out,
   * are not longer than necessary, and usually `#answers` and `#names` share one list.
   */
  #answers = NONE;
  #names = NONE;
  #mtts: number | undefined;
  /** Number of SENDs without an answer. */
  #asked = 0;
  #complete = false;

  constructor(telnet: OptionContext, collects: boolean, offer: readonly Uint8Array[]) {
    this.#telnet = telnet;
    this.#collects = collects;
    this.#offer = offer;
  }

  /** The peer's distinct names so far, in order of preference, without `MTTS n`. */
  get names(): readonly string[] {
    return this.#names;
  }

  /** Whether the peer's list is complete. */
  get complete(): boolean {
    return this.#complete;
  }

  /**
   * Requests the next terminal type of the peer, which it then emulates (RFC 1091). Only needed in addition to the
   * requests that `collect` makes.
   *
   * @throws TelptyError `ERR_OPTION` if the peer does not perform the option
   */
  ask(): void {
    checkEnabled(this.#telnet, Option.TTYPE, 'remote');
    this.#asked++;
    this.#telnet.subnegotiate(Option.TTYPE, Uint8Array.of(SEND));
  }

  enabled(side: Side): void {
    if (side === 'local') {
      this.#next = 0;
      return;
    }
    this.#answers = NONE;
    this.#names = NONE;
    this.#mtts = undefined;
    this.#complete = false;
    this.#asked = 0;
    if (this.#collects) this.ask();
  }

  disabled(side: Side): void {
    if (side === 'local' || this.#complete || this.#answers.length === 0) return;
    this.#complete = true;
    this.#emit(undefined);
  }

  subnegotiation(payload: Uint8Array): void {
    const [command] = payload;
    if (command === IS && this.#telnet.isEnabled(Option.TTYPE, 'remote')) this.#is(payload.subarray(1));
    else if (command === SEND && this.#telnet.isEnabled(Option.TTYPE, 'local')) this.#answer();
    else if (command === IS || command === SEND)
      this.#warn('unexpected-subnegotiation', 'the other side is not enabled');
    else this.#warn('malformed-subnegotiation', 'neither IS nor SEND');
  }

  #is(bytes: Uint8Array): void {
    const { terminalTypes, terminalTypeBytes } = this.#telnet.limits;
    if (this.#asked === 0) {
      // Only a peer that was asked may answer. Otherwise it could rewrite its list forever.
      this.#warn('unexpected-subnegotiation', 'a terminal type without a request');
      return;
    }
    this.#asked--;
    if (bytes.length > terminalTypeBytes) {
      this.#warn('value-too-long', `a terminal type of ${bytes.length} bytes was cut`);
      bytes = bytes.subarray(0, terminalTypeBytes);
    }
    const name = decodeText(bytes);
    const wasComplete = this.#complete;
    const repeats = this.#answers.includes(name);
    if (!repeats && this.#answers.length < terminalTypes) this.#add(name);
    this.#complete ||= repeats || this.#answers.length >= terminalTypes;
    this.#emit(name);
    // Pending: we have requested DONT, or the application has just done so in its handler of that event.
    const goesOn = this.#telnet.isEnabled(Option.TTYPE, 'remote') && !this.#telnet.isPending(Option.TTYPE, 'remote');
    if (!this.#collects || wasComplete || !goesOn) return;
    // At the end of its list the peer emulates the last type, so one more SEND takes it back to the first, which it
    // prefers. BSD's telnetd does the same; without it, Microsoft's client stays in VTNT, which no program understands.
    if (!this.#complete || (repeats && name !== this.#answers[0])) this.ask();
  }

  #add(name: string): void {
    const answers = this.#answers.concat(name);
    const mtts = MTTS.exec(name);
    if (mtts !== null) this.#mtts = Number(mtts[1]);
    else if (name !== '') this.#names = this.#names === this.#answers ? answers : this.#names.concat(name);
    this.#answers = answers;
  }

  #emit(name: string | undefined): void {
    this.#telnet.emit({
      type: 'terminal-type',
      name,
      names: this.#names,
      complete: this.#complete,
      ...(this.#mtts === undefined ? undefined : { mtts: this.#mtts }),
    });
  }

  #answer(): void {
    // After the end of the list the last name is repeated once, then the list starts again.
    const place = Math.min(this.#next, this.#offer.length - 1);
    const name = this.#offer[place] ?? new Uint8Array(0);
    this.#next = this.#next >= this.#offer.length ? 0 : this.#next + 1;
    const payload = new Uint8Array(1 + name.length);
    payload[0] = IS;
    payload.set(name, 1);
    this.#telnet.subnegotiate(Option.TTYPE, payload);
  }

  #warn(code: 'unexpected-subnegotiation' | 'malformed-subnegotiation' | 'value-too-long', message: string): void {
    this.#telnet.warn(code, `${optionName(Option.TTYPE)}: ${message}`, Option.TTYPE);
  }
}

/**
 * The type of terminal (RFC 1091). `collect`: when the peer offers the option, request names until its list repeats, or
 * until `TelnetLimits.terminalTypes` answers have arrived; each answer is a `terminal-type` event. `names`: our
 * answers, in order of preference.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` if `names` is empty, or if a name is empty, is longer than 40 characters
 *   or has characters other than printable ASCII (RFC 1091)
 */
export function terminalType(roles: {
  readonly collect?: boolean;
  readonly names?: readonly string[];
}): OptionDefinition<TerminalType> {
  const { collect = false, names } = roles;
  check(names === undefined || (Array.isArray(names) && names.length > 0), 'names must be a list of terminal types');
  const offer = (names ?? []).map(name => {
    const bytes = encodeText(name, 'a terminal type');
    check(/^[ -~]{1,40}$/.test(name), 'a terminal type must have 1 to 40 printable ASCII characters');
    return bytes;
  });
  const sides = { local: names !== undefined, remote: collect };
  return defineOption(Option.TTYPE, sides, { create: telnet => new TerminalType(telnet, collect, offer) });
}
