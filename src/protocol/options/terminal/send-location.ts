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
// There is no request: the performer sends the location of its user once the option is enabled, and again after a
// change.

/** The peer sent the location of its user (RFC 779). */
export interface LocationEvent {
  readonly type: 'location';
  /** For display to people: printable ASCII, unchanged. */
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
  /** The location that we sent last, or will send. */
  #ours: string | undefined;
  /** The location that the peer sent last; a repetition is ignored. */
  #theirs: string | undefined;

  constructor(telnet: OptionContext, reports: boolean, location: string | undefined) {
    this.#telnet = telnet;
    this.#reports = reports;
    this.#ours = location;
  }

  /**
   * Sends the location of our user: now if the local side is enabled, otherwise as soon as it is.
   *
   * @throws TelptyError `ERR_INVALID_ARGUMENT` if `location` is not 1 to 255 printable ASCII characters; `ERR_OPTION`
   *   if the definition has no `location`
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
 * The location of the user, for people (RFC 779). `receive`: the peer sends its location, as `location` events.
 * `location`: our location, sent when the option is enabled; `telnet.handler(definition).report(location)` changes it.
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
