import { TelptyError } from '../../../errors.ts';
import { check } from '../../check.ts';
import { Option } from '../../constants.ts';
import { decodeText, encodeText } from '../../text.ts';
import { defineOption, type OptionContext, type OptionDefinition, type OptionHandler, type Sides } from '../option.ts';

// GMCP, option 201, https://mudstandards.org/mud/gmcp (and https://tintin.mudhalla.net/protocols/gmcp/).
//
//   IAC SB GMCP <Package.Message> { " " <JSON> } IAC SE      from either end, once the server's WILL is accepted
//
// UTF-8. In practice, some peers send text that is not JSON: older servers omit the quotes. Some separate the name by
// other white space than one space. Some use no separator at all: then the name ends at the bracket or quote from which
// on the rest is JSON.

/** The peer sent a message of GMCP: `Package.Message`, followed by JSON, other text, or nothing. */
export interface GmcpEvent {
  readonly type: 'gmcp';
  /** The name, in the peer's upper and lower case; most peers ignore case in names. Never empty. */
  readonly name: string;
  /** The text after the name, unchanged; `''` if there is none. */
  readonly text: string;
  /**
   * The parsed value, if the text is JSON and not nested deeper than the limit; otherwise `undefined`, which no JSON
   * text parses to.
   */
  readonly data: unknown;
}

declare module '../../events.ts' {
  interface TelnetEvents {
    readonly gmcp: GmcpEvent;
  }
}

const BLANK = /[ \t\r\n]/;
/** A name followed directly by the beginning of JSON. */
const JOINED = /^[^ \t\r\n{["]+(?=[{["])/;
const QUOTE = 34;
const BACKSLASH = 92;
/** The characters that open and close arrays and objects, and the change of depth for each. */
const BRACKETS: ReadonlyMap<number, number> = new Map([
  [91, 1],
  [123, 1],
  [93, -1],
  [125, -1],
]);

/** The handler of {@link gmcp}. */
export class Gmcp implements OptionHandler {
  readonly #telnet: OptionContext;

  constructor(telnet: OptionContext) {
    this.#telnet = telnet;
  }

  /**
   * Sends a message. `data` is sent as JSON; if it is `undefined`, only the name is sent.
   *
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for a name that is empty or not printable ASCII without spaces, or for
   *   data that is not serializable as JSON; `ERR_OPTION` if the option is not enabled
   */
  send(name: string, data?: unknown): void {
    checkMessageName(name);
    this.#send(data === undefined ? name : `${name} ${toJson(data)}`);
  }

  /**
   * Sends a message with text that is not changed, for a peer that does not accept JSON.
   *
   * @throws TelptyError as for {@link send}
   */
  sendText(name: string, text: string): void {
    checkMessageName(name);
    check(typeof text === 'string', 'text must be a string');
    this.#send(`${name} ${text}`);
  }

  subnegotiation(payload: Uint8Array): void {
    const message = decodeText(payload);
    const [name, text] = this.#splitJoined(message) ?? splitMessage(message, BLANK);
    if (name === '') {
      this.#telnet.warn('malformed-subnegotiation', 'GMCP: a message without a name', Option.GMCP);
      return;
    }
    this.#telnet.emit({ type: 'gmcp', name, text, data: this.#parse(text) });
  }

  #splitJoined(message: string): readonly [name: string, text: string] | undefined {
    const name = JOINED.exec(message)?.[0];
    if (name === undefined) return undefined;
    const text = message.slice(name.length);
    if (isDeeper(text, this.#telnet.limits.mudDepth)) return [name, text];
    try {
      JSON.parse(text);
      return [name, text];
    } catch {
      return undefined;
    }
  }

  #parse(text: string): unknown {
    const { mudDepth } = this.#telnet.limits;
    if (isDeeper(text, mudDepth)) {
      this.#telnet.warn('nested-too-deep', `GMCP: more than ${mudDepth} levels`, Option.GMCP);
      return undefined;
    }
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  }

  #send(message: string): void {
    this.#telnet.subnegotiate(Option.GMCP, encodeText(message, 'a message'));
  }
}

/** Checks a caller's name for a message of GMCP or ATCP. */
export function checkMessageName(name: string): void {
  check(
    typeof name === 'string' && /^[!-~]+$/.test(name),
    'a name must consist of printable ASCII characters without spaces',
  );
}

/** The name and the rest of a message, separated by the first match. */
export function splitMessage(message: string, blank: RegExp): readonly [name: string, text: string] {
  const found = blank.exec(message);
  if (found === null) return [message, ''];
  return [message.slice(0, found.index), message.slice(found.index + found[0].length)];
}

function toJson(data: unknown): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(data);
  } catch (cause) {
    throw new TelptyError('ERR_INVALID_ARGUMENT', 'the value is not serializable as JSON', { cause });
  }
  check(json !== undefined, 'the value is not serializable as JSON');
  return json;
}

/**
 * Whether brackets are nested deeper than `limit`. Checked before parsing, because a value that is nested too deep
 * overflows the stack of code that traverses it. Brackets in strings do not count. The result does not matter for text
 * that is not JSON.
 */
function isDeeper(text: string, limit: number): boolean {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) quoted = !quoted;
    else if (quoted) at += code === BACKSLASH ? 1 : 0;
    else depth += BRACKETS.get(code) ?? 0;
    if (depth > limit) return true;
  }
  return false;
}

/**
 * Messages of packages, `Package.Message` and JSON (GMCP). The peer's messages are `gmcp` events; send ours with
 * `telnet.handler(definition).send(name, data)`. The server performs the option: use `{ local: true }` on the server,
 * `{ remote: true }` on the client.
 */
export function gmcp(sides: Sides): OptionDefinition<Gmcp> {
  return defineOption(Option.GMCP, sides, { create: telnet => new Gmcp(telnet) });
}
