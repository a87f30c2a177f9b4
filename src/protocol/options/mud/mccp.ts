import { checkEnabled } from '../../check.ts';
import { Option, optionName } from '../../constants.ts';
import type { Side } from '../../events.ts';
import { defineOption, type OptionContext, type OptionDefinition, type OptionHandler, type Sides } from '../option.ts';

// MCCP2, option 86, and MCCP3, option 87, https://tintin.mudhalla.net/protocols/mccp/.
//
//   IAC SB MCCP2 IAC SE      from the server, which performs it (WILL): all that it sends after this is a zlib stream
//   IAC SB MCCP3 IAC SE      from the client (DO): all that it sends after this is a zlib stream
//
// The server performs both. A zlib stream ends itself, and what follows its end is plain again; DONT (MCCP2) and WONT
// (MCCP3) ask the sender to end it. The engine knows no zlib: it tells where compression begins, and what it is given and
// sends is plain on both sides of that.

/**
 * Compression begins exactly here (MCCP2, MCCP3). The engine compresses nothing itself.
 * `'received'`: what the peer sent behind this is a zlib stream. The handler takes what of it is in the chunk by
 * `Telnet.takeUnread()`, and from then on gives `Telnet.receive()` not what comes but what that inflates to.
 * `'sent'`: from now on all that `send` is given must be deflated first.
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

/** The side whose performer sends the start marker, seen from the sender. */
const STARTED_BY: ReadonlyMap<number, Side> = new Map([
  [Option.MCCP2, 'local'],
  [Option.MCCP3, 'remote'],
]);

/** The handler of {@link mccp2} and {@link mccp3}. */
export class Compression implements OptionHandler {
  /** What follows the mark is compressed, whatever was said meanwhile. */
  readonly takesUnsettled = true;
  readonly #telnet: OptionContext;
  readonly #code: number;

  constructor(telnet: OptionContext, code: number) {
    this.#telnet = telnet;
    this.#code = code;
  }

  /**
   * Sends the start marker: the last bytes that `send` is given plain. A `compression` event, `'sent'`, follows it before
   * anything else is sent.
   *
   * @throws TelptyError `ERR_OPTION` if the option is not enabled on the side that lets us start: the local one of MCCP2,
   *   the remote one of MCCP3
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

/** Compression of what the server sends (MCCP2): `{ local: true }` there, `{ remote: true }` at the client. */
export function mccp2(sides: Sides): OptionDefinition<Compression> {
  return defineOption(Option.MCCP2, sides, { create: telnet => new Compression(telnet, Option.MCCP2) });
}

/** Compression of what the client sends (MCCP3): `{ local: true }` at the server, `{ remote: true }` at the client. */
export function mccp3(sides: Sides): OptionDefinition<Compression> {
  return defineOption(Option.MCCP3, sides, { create: telnet => new Compression(telnet, Option.MCCP3) });
}
