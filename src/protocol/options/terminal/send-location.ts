import { TelptyError } from '../../../errors.ts';
import { check } from '../../check.ts';
import { Option } from '../../constants.ts';
import type { Side, WarningCode } from '../../events.ts';
import { defineOption, type OptionContext, type OptionDefinition, type OptionHandler } from '../option.ts';
import { isPrintable, octetsOf, textOf } from './inquiry.ts';

// SEND-LOCATION, option 23, RFC 779.
//
//   IAC SB SNDLOC <text, printable ASCII> IAC SE          from the side that performs it (WILL)
//
// There is no question: who performs it tells where its user is once it is agreed on, and again after a change.

/** The peer told where its user is (RFC 779). */
export interface LocationEvent {
  readonly type: 'location';
  /** For people: printable ASCII, as it came. */
  readonly location: string;
}

declare module '../../events.ts' {
  interface TelnetEvents {
    readonly location: LocationEvent;
  }
}

const LOCATION = /^[ -~]{1,255}$/;

/** The handler of {@link sendLocation}. */
export class SendLocation implements OptionHandler {
  readonly #telnet: OptionContext;
  readonly #reports: boolean;
  /** What we told last, or shall tell. */
  #ours: string | undefined;
  /** What the peer told last: the same again is no news. */
  #theirs: string | undefined;

  constructor(telnet: OptionContext, reports: boolean, location: string | undefined) {
    this.#telnet = telnet;
    this.#reports = reports;
    this.#ours = location;
  }

  /**
   * Tells the peer where our user is: now if the local side is enabled, otherwise as soon as it will be.
   *
   * @throws TelptyError `ERR_INVALID_ARGUMENT` if it is not 1 to 255 printable ASCII characters; `ERR_OPTION` if it was
   *   defined without `location`
   */
  report(location: string): void {
    if (!this.#reports) throw new TelptyError('ERR_OPTION', 'SNDLOC: the definition has no location');
    checkLocation(location);
    this.#ours = location;
    this.#send();
  }

  enabled(side: Side): void {
    if (side === 'local') this.#send();
    else this.#theirs = undefined;
  }

  subnegotiation(payload: Uint8Array): void {
    const { locationBytes } = this.#telnet.limits;
    if (!this.#telnet.isEnabled(Option.SNDLOC, 'remote')) {
      this.#warn('unexpected-subnegotiation', 'a location from a peer that did not offer one');
    } else if (payload.length > locationBytes) {
      this.#warn('value-too-long', `a location of ${payload.length} bytes`);
    } else if (!isPrintable(payload)) {
      this.#warn('malformed-subnegotiation', 'a location that is not printable ASCII');
    } else {
      const location = textOf(payload);
      if (location === this.#theirs) return;
      this.#theirs = location;
      this.#telnet.emit({ type: 'location', location });
    }
  }

  #send(): void {
    if (this.#ours === undefined || !this.#telnet.isEnabled(Option.SNDLOC, 'local')) return;
    this.#telnet.subnegotiate(Option.SNDLOC, Uint8Array.from(octetsOf(this.#ours)));
  }

  #warn(code: WarningCode, message: string): void {
    this.#telnet.warn(code, `SNDLOC: ${message}`, Option.SNDLOC);
  }
}

/**
 * Where the user is, for people (RFC 779). `receive`: the peer tells us, as `location` events. `location`: we tell this
 * when the option is enabled; another one by `telnet.handler(definition).report(location)`.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` for a location that is not 1 to 255 printable ASCII characters
 */
export function sendLocation(roles: {
  readonly receive?: boolean;
  readonly location?: string;
}): OptionDefinition<SendLocation> {
  const { receive = false, location } = roles;
  if (location !== undefined) checkLocation(location);
  const sides = { local: location !== undefined, remote: receive };
  return defineOption(Option.SNDLOC, sides, { create: telnet => new SendLocation(telnet, sides.local, location) });
}

function checkLocation(location: string): void {
  check(
    typeof location === 'string' && LOCATION.test(location),
    'a location must have 1 to 255 printable ASCII characters',
  );
}
