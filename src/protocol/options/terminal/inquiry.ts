import { checkEnabled } from '../../check.ts';
import { optionName } from '../../constants.ts';
import type { Side, TelnetEvent, WarningCode } from '../../events.ts';
import type { OptionContext, OptionHandler, SubnegotiationWords } from '../option.ts';

// The common part of TERMINAL-SPEED (RFC 1079) and X-DISPLAY-LOCATION (RFC 1096), on the model of RFC 930:
//
//   IAC SB option SEND IAC SE                  to the side that performs it (WILL)
//   IAC SB option IS <text, ASCII> IAC SE      its answer, never unsolicited

const IS = 0;
const SEND = 1;

/** Maximum number of SENDs without an answer. At this number no more are sent, because the peer does not answer. */
const MOST_UNANSWERED = 255;

/** A message of such an option for logs. The messages of TERMINAL-TYPE (RFC 1091) have the same layout. */
export function inquiryWords(payload: Uint8Array): SubnegotiationWords {
  if (payload[0] === IS) return ['IS', payload.subarray(1)];
  return payload[0] === SEND && payload.length === 1 ? ['SEND'] : undefined;
}

/** The differences between such options. */
export interface InquiryTerms {
  readonly code: number;
  /** Whether SEND is sent as soon as the peer offers the option. */
  readonly asks: boolean;
  /** Our answer to SEND: printable ASCII. */
  readonly answer: string;
  /** Maximum length of an answer that is accepted, in bytes. */
  longest(limits: OptionContext['limits']): number;
  /** The event for an answer, or `undefined` if the answer does not have the form that the option's RFC requires. */
  read(text: string): TelnetEvent | undefined;
}

/** A request and its answer; the handler of `terminalSpeed()` and `xDisplayLocation()`. */
export class Inquiry implements OptionHandler {
  readonly #telnet: OptionContext;
  readonly #terms: InquiryTerms;
  #unanswered = 0;

  constructor(telnet: OptionContext, terms: InquiryTerms) {
    this.#telnet = telnet;
    this.#terms = terms;
  }

  /**
   * Sends a request to the peer; the answer is an event.
   *
   * @throws TelptyError `ERR_OPTION` if the peer does not perform the option
   */
  ask(): void {
    const { code } = this.#terms;
    checkEnabled(this.#telnet, code, 'remote');
    if (this.#unanswered >= MOST_UNANSWERED) return;
    this.#unanswered++;
    this.#telnet.subnegotiate(code, Uint8Array.of(SEND));
  }

  enabled(side: Side): void {
    if (side === 'local') return;
    this.#unanswered = 0;
    if (this.#terms.asks) this.ask();
  }

  subnegotiation(payload: Uint8Array): void {
    const [command] = payload;
    const side: Side = command === SEND ? 'local' : 'remote';
    if ((command !== IS && command !== SEND) || (command === SEND && payload.length > 1)) {
      this.#warn('malformed-subnegotiation', 'neither IS nor SEND');
    } else if (!this.#telnet.isEnabled(this.#terms.code, side)) {
      this.#warn('unexpected-subnegotiation', 'the other side is not enabled');
    } else if (command === SEND) {
      this.#telnet.subnegotiate(this.#terms.code, Uint8Array.of(IS, ...octetsOf(this.#terms.answer)));
    } else {
      this.#received(payload.subarray(1));
    }
  }

  #received(text: Uint8Array): void {
    if (this.#unanswered === 0) {
      this.#warn('unexpected-subnegotiation', 'an answer without a request');
      return;
    }
    this.#unanswered--;
    if (text.length > this.#terms.longest(this.#telnet.limits)) {
      this.#warn('value-too-long', `an answer of ${text.length} bytes`);
      return;
    }
    const event = isPrintable(text) ? this.#terms.read(textOf(text)) : undefined;
    if (event === undefined) this.#warn('malformed-subnegotiation', 'a malformed answer');
    else this.#telnet.emit(event);
  }

  #warn(code: WarningCode, message: string): void {
    this.#telnet.warn(code, `${optionName(this.#terms.code)}: ${message}`, this.#terms.code);
  }
}

/** Whether a text has at least one character, and only characters from space to tilde. */
export function isPrintable(text: Uint8Array): boolean {
  return text.length > 0 && text.every(octet => octet >= 0x20 && octet <= 0x7e);
}

/** Converts printable ASCII to a string; `octetsOf` is the reverse. */
export function textOf(text: Uint8Array): string {
  return Array.from(text, octet => String.fromCharCode(octet)).join('');
}

export function octetsOf(text: string): number[] {
  return Array.from(text, letter => letter.charCodeAt(0));
}
