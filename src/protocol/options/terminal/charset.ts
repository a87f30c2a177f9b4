import { check, checkEnabled } from '../../check.ts';
import { Option } from '../../constants.ts';
import type { Side, WarningCode } from '../../events.ts';
import { decodeText, encodeText } from '../../text.ts';
import {
  type Consent,
  defineOption,
  type OptionContext,
  type OptionDefinition,
  type OptionHandler,
  type SubnegotiationWords,
} from '../option.ts';

// CHARSET, option 42, RFC 2066.
//
//   IAC SB CHARSET REQUEST { "[TTABLE ]" <version> } <separator> <name> { <separator> <name> } IAC SE
//   IAC SB CHARSET ACCEPTED <name> IAC SE
//   IAC SB CHARSET REJECTED IAC SE
//   IAC SB CHARSET TTABLE-IS … IAC SE              a translation table, always rejected here:
//   IAC SB CHARSET TTABLE-REJECTED IAC SE
//
// The separator is any octet that does not occur in a name. REQUEST is reserved for the side that performs the option
// (WILL), but some peers send it from the other side; they are answered, too. If two REQUESTs cross, the server's takes
// precedence. The server rejects the client's. The client answers the server's, and regards its own as rejected,
// whatever the server answers.

/** A negotiation of the character set has ended (RFC 2066). */
export interface CharsetEvent {
  readonly type: 'charset';
  /** The agreed name, spelled as in the REQUEST; `undefined` if the ends did not agree on one. */
  readonly charset: string | undefined;
  /** Which end sent the REQUEST. */
  readonly by: 'us' | 'peer';
}

declare module '../../events.ts' {
  interface TelnetEvents {
    readonly charset: CharsetEvent;
  }
}

const REQUEST = 1;
const ACCEPTED = 2;
const REJECTED = 3;
const TTABLE_IS = 4;
const TTABLE_REJECTED = 5;
const TTABLE_ACK = 6;
const TTABLE_NAK = 7;
const TABLE_ANSWERS: readonly number[] = [TTABLE_REJECTED, TTABLE_ACK, TTABLE_NAK];

/** The separator in our REQUESTs; it does not occur in any IANA name. */
const SEPARATOR = ';';
const SPACE = 32;
const CLOSING_BRACKET = 93;
const TTABLE = [...'[TTABLE'].map(letter => letter.charCodeAt(0));

/** A message of CHARSET for logs. Names are unchanged, with their separators. */
export function charsetWords(payload: Uint8Array): SubnegotiationWords {
  const [message] = payload;
  if (message === REQUEST) return ['REQUEST', payload.subarray(1)];
  if (message === ACCEPTED) return ['ACCEPTED', payload.subarray(1)];
  return message === REJECTED ? ['REJECTED'] : undefined;
}

/** Configuration of {@link charset}. */
export interface CharsetConfig {
  /** Which end of the connection this is. It decides which REQUEST takes precedence if two cross (RFC 2066). */
  readonly role: 'server' | 'client';
  /**
   * The names to request when the local side is enabled, in order of preference. If absent, no REQUEST is sent
   * automatically.
   */
  readonly request?: readonly string[];
  /**
   * Chooses one of the names that the peer requests; `undefined` rejects them all. The result should be one of the
   * names; case is ignored, and the answer has the peer's spelling. Any other name rejects the request. Without
   * `accept`, every request is rejected.
   */
  readonly accept?: (names: readonly string[]) => string | undefined;
  /** Default true. */
  readonly local?: Consent;
  /** Default true. */
  readonly remote?: Consent;
}

/** The handler of {@link charset}. */
export class Charset implements OptionHandler {
  readonly #telnet: OptionContext;
  readonly #config: CharsetConfig;
  /** The names of our outstanding REQUEST. */
  #asked: readonly string[] | undefined;
  /** Number of outstanding answers to our REQUESTs that were overruled by a REQUEST of the server. */
  #overruled = 0;

  constructor(telnet: OptionContext, config: CharsetConfig) {
    this.#telnet = telnet;
    this.#config = config;
  }

  /**
   * Requests that the peer use one of these character sets, in order of preference. The answer is a `charset` event by
   * `'us'`.
   *
   * @throws TelptyError `ERR_OPTION` if the local side is not enabled; `ERR_INVALID_ARGUMENT` if a REQUEST of ours is
   *   outstanding, if the list is empty, or if a name is not 1 to 64 printable ASCII characters without `;`
   */
  ask(names: readonly string[]): void {
    checkNames(names);
    check(this.#asked === undefined, 'a REQUEST is outstanding');
    checkEnabled(this.#telnet, Option.CHARSET, 'local');
    this.#asked = names.slice();
    this.#send(REQUEST, encodeText(names.map(name => SEPARATOR + name).join(''), 'names'));
  }

  enabled(side: Side): void {
    if (side === 'local' && this.#config.request !== undefined && this.#asked === undefined) {
      this.ask(this.#config.request);
    }
  }

  disabled(): void {
    if (this.#telnet.isEnabled(Option.CHARSET, 'local') || this.#telnet.isEnabled(Option.CHARSET, 'remote')) return;
    this.#overruled = 0;
    if (this.#asked !== undefined) this.#conclude(undefined);
  }

  subnegotiation(payload: Uint8Array): void {
    const [message] = payload;
    const body = payload.subarray(1);
    if (message === REQUEST) this.#requested(body);
    else if (message === ACCEPTED) this.#answered(decodeText(body));
    else if (message === REJECTED) this.#answered(undefined);
    else if (message === TTABLE_IS) this.#send(TTABLE_REJECTED);
    else if (message !== undefined && TABLE_ANSWERS.includes(message)) {
      this.#warn('unexpected-subnegotiation', 'an answer to a translation table, but none was sent');
    } else this.#warn('malformed-subnegotiation', 'an unknown message');
  }

  #requested(body: Uint8Array): void {
    if (this.#asked !== undefined) {
      if (this.#config.role === 'server') {
        this.#send(REJECTED);
        return;
      }
      this.#overruled++;
      this.#conclude(undefined);
    }
    const names = this.#parse(body);
    const choice = names.length === 0 ? undefined : this.#config.accept?.(names);
    const chosen = choice === undefined ? undefined : spelledIn(names, choice);
    if (chosen === undefined) this.#send(REJECTED);
    else this.#send(ACCEPTED, encodeText(chosen, 'a character set'));
    this.#telnet.emit({ type: 'charset', charset: chosen, by: 'peer' });
  }

  #answered(name: string | undefined): void {
    if (this.#overruled > 0) {
      this.#overruled--;
      return;
    }
    if (this.#asked === undefined) {
      this.#warn('unexpected-subnegotiation', 'an answer without a REQUEST');
      return;
    }
    const charset = name === undefined ? undefined : spelledIn(this.#asked, name);
    if (charset === undefined && name !== undefined) {
      this.#warn('malformed-subnegotiation', 'ACCEPTED names a character set that was not requested');
    }
    this.#conclude(charset);
  }

  #conclude(charset: string | undefined): void {
    this.#asked = undefined;
    this.#telnet.emit({ type: 'charset', charset, by: 'us' });
  }

  /** The names of a REQUEST, within the limits. */
  #parse(body: Uint8Array): string[] {
    const { charsets, charsetBytes } = this.#telnet.limits;
    const list = body.subarray(afterTableVersion(body));
    const names: string[] = [];
    let at = 1;
    while (at < list.length) {
      const found = list.indexOf(list[0]!, at);
      const end = found < 0 ? list.length : found;
      if (names.length === charsets) {
        this.#warn('too-many-values', `a REQUEST for more than ${charsets} character sets`);
        break;
      }
      if (end - at > charsetBytes) this.#warn('value-too-long', `a name of ${end - at} bytes`);
      else if (end > at) names.push(decodeText(list.subarray(at, end)));
      at = end + 1;
    }
    if (names.length === 0) this.#warn('malformed-subnegotiation', 'a REQUEST without a name');
    return names;
  }

  #send(command: number, body: Uint8Array = new Uint8Array(0)): void {
    const payload = new Uint8Array(1 + body.length);
    payload[0] = command;
    payload.set(body, 1);
    this.#telnet.subnegotiate(Option.CHARSET, payload);
  }

  #warn(code: WarningCode, message: string): void {
    this.#telnet.warn(code, `CHARSET: ${message}`, Option.CHARSET);
  }
}

/**
 * Negotiation of the character set (RFC 2066), in both directions. Each negotiation ends with a `charset` event.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` for an invalid role or name
 */
export function charset(config: CharsetConfig): OptionDefinition<Charset> {
  const { role, request, accept, local = true, remote = true } = config;
  check(role === 'server' || role === 'client', "role must be 'server' or 'client'");
  check(accept === undefined || typeof accept === 'function', 'accept must be a function');
  if (request !== undefined) checkNames(request);
  const frozen = Object.freeze({ ...config });
  return defineOption(Option.CHARSET, { local, remote }, { create: telnet => new Charset(telnet, frozen) });
}

function checkNames(names: readonly string[]): void {
  check(Array.isArray(names) && names.length > 0, 'names must be a list of character sets');
  for (const name of names) {
    check(
      typeof name === 'string' && /^[!-:<-~]{1,64}$/.test(name),
      'the name of a character set must have 1 to 64 printable characters',
    );
  }
}

/** The entry of the list with this name; names of character sets are case-insensitive (RFC 2066). */
function spelledIn(names: readonly string[], wanted: string): string | undefined {
  return names.find(name => name.toLowerCase() === String(wanted).toLowerCase());
}

/**
 * Offset of the list: after `[TTABLE ]` (some peers omit the space) and the octet of its version, if they are present.
 */
function afterTableVersion(body: Uint8Array): number {
  if (!TTABLE.every((letter, index) => body[index] === letter)) return 0;
  const bracket = body[TTABLE.length] === SPACE ? TTABLE.length + 1 : TTABLE.length;
  return body[bracket] === CLOSING_BRACKET ? bracket + 2 : 0;
}
