import { TelptyError } from '../../../errors.ts';
import { check } from '../../check.ts';
import { Option } from '../../constants.ts';
import type { Side } from '../../events.ts';
import {
  defineOption,
  type OptionContext,
  type OptionDefinition,
  type OptionHandler,
  type SubnegotiationWords,
} from '../option.ts';

// NAWS, option 31, RFC 1073.
//
//   IAC SB NAWS <columns: 16 bits> <rows: 16 bits> IAC SE          from the side that performs it (WILL)
//
// In the field: one octet too many (255 doubled twice, a NUL behind); and a size that comes without WILL, or before it, as the answer
// to our DO. Both are taken, where they can mean one size only.
//
// Both in network order; 0 means that this size is not told. A 255 in them is doubled, by the framing as everywhere.

/** The peer told its window's size (RFC 1073). 0 means that the peer does not say. */
export interface WindowSizeEvent {
  readonly type: 'window-size';
  /** Characters, 0 to 65535. */
  readonly columns: number;
  /** Lines, 0 to 65535. */
  readonly rows: number;
}

declare module '../../events.ts' {
  interface TelnetEvents {
    readonly 'window-size': WindowSizeEvent;
  }
}

const LENGTH = 4;
/** The largest size, in characters or lines, that is believed of a message with an octet too many. */
const PLAUSIBLE = 4_096;

/** The handler of {@link windowSize}. */
export class WindowSize implements OptionHandler {
  readonly #telnet: OptionContext;
  readonly #reports: boolean;
  /** Between our DO and its answer a size can only be that of the peer's window. */
  readonly takesEarly = true;
  #size: Uint8Array | undefined;

  constructor(telnet: OptionContext, reports: boolean) {
    this.#telnet = telnet;
    this.#reports = reports;
  }

  /**
   * Tells the peer our size: now if the local side is enabled, otherwise as soon as it will be; the last size wins.
   *
   * @param columns characters, 0 to 65535; 0: not told
   * @param rows lines, likewise
   * @throws TelptyError `ERR_INVALID_ARGUMENT` if they are out of range; `ERR_OPTION` if it was defined without `report`
   */
  report(columns: number, rows: number): void {
    if (!this.#reports) throw new TelptyError('ERR_OPTION', 'NAWS: the definition has no report');
    for (const size of [columns, rows]) {
      check(
        Number.isInteger(size) && size >= 0 && size <= 0xffff,
        'columns and rows must be whole numbers from 0 to 65535',
      );
    }
    this.#size = Uint8Array.of(columns >> 8, columns & 255, rows >> 8, rows & 255);
    this.#send();
  }

  enabled(side: Side): void {
    if (side === 'local') this.#send();
  }

  subnegotiation(payload: Uint8Array): void {
    const isAsked = this.#telnet.isEnabled(Option.NAWS, 'remote') || this.#telnet.isPending(Option.NAWS, 'remote');
    const size = isAsked ? readSize(payload) : undefined;
    if (!isAsked) {
      this.#telnet.warn('unexpected-subnegotiation', 'a window size from a peer that did not offer one', Option.NAWS);
    } else if (size === undefined) {
      this.#telnet.warn('malformed-subnegotiation', `a window size of ${payload.length} bytes`, Option.NAWS);
    } else {
      this.#telnet.emit({ type: 'window-size', ...size });
    }
  }

  #send(): void {
    if (this.#size === undefined || !this.#telnet.isEnabled(Option.NAWS, 'local')) return;
    this.#telnet.subnegotiate(Option.NAWS, this.#size);
  }
}

interface Size {
  readonly columns: number;
  readonly rows: number;
}

function readSize(payload: ArrayLike<number>): Size | undefined {
  if (payload.length === LENGTH) {
    return { columns: payload[0]! * 256 + payload[1]!, rows: payload[2]! * 256 + payload[3]! };
  }
  return payload.length === LENGTH + 1 ? onlySize(Array.from(payload)) : undefined;
}

/** A message of NAWS in words. */
export function windowSizeWords(payload: Uint8Array): SubnegotiationWords {
  // With an octet too many, the log shows the message rather than a guess.
  const size = payload.length === LENGTH ? readSize(payload) : undefined;
  return size && [`${size.columns}x${size.rows}`];
}

/** The size that is left when one octet is taken away, if only one such size is plausible. */
function onlySize(octets: readonly number[]): Size | undefined {
  let found: Size | undefined;
  for (let extra = 0; extra < octets.length; extra++) {
    const size = readSize(octets.filter((_, at) => at !== extra))!;
    const isPlausible = [size.columns, size.rows].every(cells => cells >= 1 && cells <= PLAUSIBLE);
    if (!isPlausible) continue;
    if (found !== undefined && (found.columns !== size.columns || found.rows !== size.rows)) return undefined;
    found = size;
  }
  return found;
}

/**
 * The size of the window (RFC 1073). `receive`: the peer tells us its size, as `window-size` events. `report`: we tell
 * ours, by `telnet.handler(definition).report(columns, rows)`.
 */
export function windowSize(roles: {
  readonly receive?: boolean;
  readonly report?: boolean;
}): OptionDefinition<WindowSize> {
  const sides = { local: roles.report ?? false, remote: roles.receive ?? false };
  return defineOption(Option.NAWS, sides, { create: telnet => new WindowSize(telnet, sides.local) });
}
