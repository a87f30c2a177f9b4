import { TelptyError } from '../../errors.ts';
import { Option } from '../constants.ts';
import type { Side } from '../events.ts';
import { defineOption, type OptionContext, type OptionDefinition, type OptionHandler } from './option.ts';

// TIMING-MARK, option 6, RFC 860. No subnegotiation.
//
//   IAC DO TIMING-MARK      put a mark into your stream where you have got to in mine
//   IAC WILL TIMING-MARK    this is the mark
//   IAC WONT TIMING-MARK    I do not know marks; which is one all the same
//
// It is a question and an answer, not a state, so RFC 1143 does not apply: every DO is answered, and every DO of ours
// awaits an answer of its own. A WILL or WONT that answers nothing is itself never answered.

/** A timing mark (RFC 860). */
export interface TimingMarkEvent {
  readonly type: 'timing-mark';
  /** `'us'`: the answer to our DO TIMING-MARK has come; `'peer'`: the peer asked, and WILL has been sent. */
  readonly by: 'us' | 'peer';
  /** False if the peer answered WONT. What was sent before our DO has been seen by the peer all the same. */
  readonly supported: boolean;
}

declare module '../events.ts' {
  interface TelnetEvents {
    readonly 'timing-mark': TimingMarkEvent;
  }
}

/** How many marks we await at most: beyond it further requests are dropped, for the peer is not answering any. */
const MOST_AWAITED = 255;

/** The handler of {@link timingMark}. */
export class TimingMark implements OptionHandler {
  readonly #telnet: OptionContext;
  /** For each mark that is awaited, in the order of the requests, what is called in place of the event. */
  readonly #awaited: (((supported: boolean) => void) | undefined)[] = [];

  constructor(telnet: OptionContext) {
    this.#telnet = telnet;
  }

  /**
   * Asks the peer for a mark: a `timing-mark` event by `'us'` tells that it has seen everything sent before.
   *
   * @param answered is called in place of the event, with its `supported`.
   */
  ask(answered?: (supported: boolean) => void): void {
    if (this.#awaited.length >= MOST_AWAITED) return;
    this.#awaited.push(answered);
    this.#telnet.announce(Option.TIMING_MARK, 'remote', true);
  }

  /** `Telnet.request(Option.TIMING_MARK, 'remote', true)` is {@link ask}; anything else throws `ERR_OPTION`. */
  requested(side: Side, on: boolean): void {
    if (side !== 'remote' || !on) throw new TelptyError('ERR_OPTION', 'TIMING-MARK can only be requested');
    this.ask();
  }

  negotiated(side: Side, positive: boolean): void {
    if (side === 'remote') {
      if (this.#awaited.length === 0) return;
      const answered = this.#awaited.shift();
      if (answered === undefined) this.#telnet.emit({ type: 'timing-mark', by: 'us', supported: positive });
      else answered(positive);
    } else if (positive) {
      this.#telnet.announce(Option.TIMING_MARK, 'local', true);
      this.#telnet.emit({ type: 'timing-mark', by: 'peer', supported: true });
    }
  }
}

/**
 * Marks in the stream (RFC 860). DO TIMING-MARK is answered each time, at its place in the stream of input; a mark of the
 * peer is asked for by `telnet.handler(definition).ask()`.
 */
export function timingMark(): OptionDefinition<TimingMark> {
  const sides = { local: true, remote: 'request' } as const;
  return defineOption(Option.TIMING_MARK, sides, { create: telnet => new TimingMark(telnet) });
}
