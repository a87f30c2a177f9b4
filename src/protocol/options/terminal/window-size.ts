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
// Both are in network byte order; 0 means that this dimension is unspecified. A 255 in them is doubled by the framing,
// as everywhere.
//
// Some clients send one extra octet (255 doubled twice, or a trailing NUL). Some send a size without WILL, or before
// WILL, as the answer to our DO. Both are accepted if only one size is possible.

/** The peer sent the size of its window (RFC 1073). 0 means unspecified. */
export interface WindowSizeEvent {
  readonly type: 'window-size';
  /** Number of characters per line, 0 to 65535. */
  readonly columns: number;
  /** Number of lines, 0 to 65535. */
  readonly rows: number;
}

declare module '../../events.ts' {
  interface TelnetEvents {
    readonly 'window-size': WindowSizeEvent;
  }
}

const LENGTH = 4;
/** The largest plausible size, in characters or lines, of a message with an extra octet. */
const PLAUSIBLE = 4_096;

/** The handler of {@link windowSize}. */
export class WindowSize implements OptionHandler {
  readonly #telnet: OptionContext;
  readonly #reports: boolean;
  /** Between our DO and its answer, a size can only be that of the peer's window. */
  readonly takesEarly = true;
  #size: Uint8Array | undefined;

  constructor(telnet: OptionContext, reports: boolean) {
    this.#telnet = telnet;
    this.#reports = reports;
  }

  /**
   * Sends our size: now if the local side is enabled, otherwise as soon as it is. Only the last size counts.
   *
   * @param columns characters per line, 0 to 65535; 0: unspecified
   * @param rows lines, 0 to 65535; 0: unspecified
   * @throws TelptyError `ERR_INVALID_ARGUMENT` if a value is out of range; `ERR_OPTION` if the definition has no
   *   `report`
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

/** A message of NAWS for logs. */
export function windowSizeWords(payload: Uint8Array): SubnegotiationWords {
  // If there is an extra octet, the log shows the bytes of the message rather than a guess.
  const size = payload.length === LENGTH ? readSize(payload) : undefined;
  return size && [`${size.columns}x${size.rows}`];
}

/** The size that remains if one octet is removed, if exactly one such size is plausible. */
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
 * The size of the window (RFC 1073). `receive`: the peer sends its size, as `window-size` events. `report`: we send
 * ours, by `telnet.handler(definition).report(columns, rows)`.
 */
export function windowSize(roles: {
  readonly receive?: boolean;
  readonly report?: boolean;
}): OptionDefinition<WindowSize> {
  const sides = { local: roles.report ?? false, remote: roles.receive ?? false };
  return defineOption(Option.NAWS, sides, { create: telnet => new WindowSize(telnet, sides.local) });
}
