import { checkEnabled } from '../../check.ts';
import { Option, optionName } from '../../constants.ts';
import type { Side } from '../../events.ts';
import { defineOption, type OptionContext, type OptionDefinition, type OptionHandler, type Sides } from '../option.ts';

// MCCP2, option 86, and MCCP3, option 87, https://tintin.mudhalla.net/protocols/mccp/.
//
//   IAC SB MCCP2 IAC SE      from the server, which performs it (WILL): its output after this is a zlib stream
//   IAC SB MCCP3 IAC SE      from the client (DO): its output after this is a zlib stream
//
// The server performs both. A zlib stream marks its own end, and the bytes after the end are uncompressed again. DONT
// (MCCP2) and WONT (MCCP3) ask the sender to end it. The engine does not implement zlib. It reports where compression
// begins, and its own input and output are always uncompressed.

/**
 * Compression begins exactly here (MCCP2, MCCP3). The engine itself does not compress.
 *
 * - `'received'`: the peer's bytes after this point are a zlib stream. The handler takes those in the current chunk by
 *   `Telnet.takeUnread()`, and from then on passes only inflated bytes to `Telnet.receive()`.
 * - `'sent'`: from now on all bytes passed to the `send` handler must be deflated.
 */
export interface CompressionEvent {
  readonly type: 'compression';
  /** MCCP2 (86), from the server, or MCCP3 (87), from the client. */
  readonly option: number;
  readonly direction: 'received' | 'sent';
}

declare module '../../events.ts' {
  interface TelnetEvents {
    readonly compression: CompressionEvent;
  }
}

/** The side of the option that entitles this end to send the start marker. */
const STARTED_BY: ReadonlyMap<number, Side> = new Map([
  [Option.MCCP2, 'local'],
  [Option.MCCP3, 'remote'],
]);

/** The handler of {@link mccp2} and {@link mccp3}. */
export class Compression implements OptionHandler {
  /** The bytes after the marker are compressed, whatever was negotiated in the meantime. */
  readonly takesUnsettled = true;
  readonly #telnet: OptionContext;
  readonly #code: number;

  constructor(telnet: OptionContext, code: number) {
    this.#telnet = telnet;
    this.#code = code;
  }

  /**
   * Sends the start marker: the last uncompressed bytes that the `send` handler receives. A `compression` event,
   * `'sent'`, follows it before anything else is sent.
   *
   * @throws TelptyError `ERR_OPTION` if the option is not enabled on the side that entitles us to start: the local side
   *   of MCCP2, the remote side of MCCP3
   */
  start(): void {
    checkEnabled(this.#telnet, this.#code, STARTED_BY.get(this.#code)!);
    this.#telnet.subnegotiate(this.#code, new Uint8Array(0));
    this.#telnet.emit({ type: 'compression', option: this.#code, direction: 'sent' });
  }

  subnegotiation(payload: Uint8Array): void {
    const name = optionName(this.#code);
    const side = STARTED_BY.get(this.#code) === 'local' ? 'remote' : 'local';
    if (!this.#telnet.isEnabled(this.#code, side) && !this.#telnet.isPending(this.#code, side)) {
      this.#telnet.warn('unexpected-subnegotiation', `${name}: the ${side} side is not enabled`, this.#code);
    } else if (payload.length > 0) {
      this.#telnet.warn('malformed-subnegotiation', `${name}: ${payload.length} bytes`, this.#code);
    } else {
      this.#telnet.emit({ type: 'compression', option: this.#code, direction: 'received' });
    }
  }
}

/**
 * Compression of the server's output (MCCP2): use `{ local: true }` on the server, `{ remote: true }` on the client.
 */
export function mccp2(sides: Sides): OptionDefinition<Compression> {
  return defineOption(Option.MCCP2, sides, { create: telnet => new Compression(telnet, Option.MCCP2) });
}

/**
 * Compression of the client's output (MCCP3): use `{ local: true }` on the server, `{ remote: true }` on the client.
 */
export function mccp3(sides: Sides): OptionDefinition<Compression> {
  return defineOption(Option.MCCP3, sides, { create: telnet => new Compression(telnet, Option.MCCP3) });
}
