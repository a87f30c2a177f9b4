import { TelptyError } from '../../errors.ts';
import { check } from '../check.ts';
import { Option } from '../constants.ts';
import type { Side } from '../events.ts';
import { defineOption, type OptionContext, type OptionDefinition, type OptionHandler } from './option.ts';

// TIMING-MARK, option 6, RFC 860. No subnegotiation.
//
//   IAC DO TIMING-MARK      insert a mark into your stream at the point that corresponds to this point of mine
//   IAC WILL TIMING-MARK    this is the mark
//   IAC WONT TIMING-MARK    I do not support marks; this serves as a mark nevertheless
//
// It is a request and an answer, not a state, so RFC 1143 does not apply. Every DO is answered, and every DO of ours
// has its own answer. A WILL or WONT that is not an answer is itself never answered.
//
// "The receiver has processed everything before the mark" depends on the application: a terminal that parses its output
// later has processed it later. So the answer can be given later, by a function. WILL has no number, so the n-th answer
// belongs to the n-th DO: an answer that is given too early waits for those before it.

/** A timing mark (RFC 860). */
export interface TimingMarkEvent {
  readonly type: 'timing-mark';
  /** `'us'`: our DO TIMING-MARK was answered; `'peer'`: the peer requested a mark, and WILL has been sent. */
  readonly by: 'us' | 'peer';
  /** False if the peer answered WONT. Even then it has processed everything sent before our DO. */
  readonly supported: boolean;
}

declare module '../events.ts' {
  interface TelnetEvents {
    readonly 'timing-mark': TimingMarkEvent;
  }
}

/** Options of {@link timingMark}. */
export interface TimingMarkOptions {
  /**
   * Called for each DO TIMING-MARK of the peer, at its position in the input. The answer is sent when `answer` is
   * called, in this call or later; a second call does nothing. Answers are sent in the order of the requests. At most
   * 255 requests wait for their answers; then the oldest one is answered. Default: each is answered at once.
   */
  readonly onRequest?: (answer: () => void) => void;
}

/** Maximum number of outstanding marks. Above it further requests are dropped, because the peer does not answer any. */
const MOST_AWAITED = 255;
/** Maximum number of requests of the peer that wait for their answers. */
const MOST_UNANSWERED = 255;

/** A request of the peer. */
interface Request {
  /** Whether the application has answered it; its answer may wait for that of an earlier request. */
  isAnswered: boolean;
}

/** The handler of {@link timingMark}. */
export class TimingMark implements OptionHandler {
  readonly #telnet: OptionContext;
  /** For each outstanding mark, in the order of the requests: the callback that replaces the event. */
  readonly #awaited: (((supported: boolean) => void) | undefined)[] = [];
  readonly #onRequest: TimingMarkOptions['onRequest'];
  /** The requests of the peer without an answer, in their order. */
  readonly #unanswered: Request[] = [];

  constructor(telnet: OptionContext, { onRequest }: TimingMarkOptions = {}) {
    this.#telnet = telnet;
    this.#onRequest = onRequest;
  }

  /**
   * Requests a mark: a `timing-mark` event by `'us'` means that the peer has processed everything sent before.
   *
   * @param answered called instead of the event, with its `supported`
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
      if (this.#onRequest === undefined) this.#answer();
      else this.#defer(this.#onRequest);
    }
  }

  #defer(onRequest: (answer: () => void) => void): void {
    const request: Request = { isAnswered: false };
    this.#unanswered.push(request);
    if (this.#unanswered.length > MOST_UNANSWERED) this.#unanswered[0]!.isAnswered = true;
    this.#sendAnswers();
    onRequest(() => {
      request.isAnswered = true;
      this.#sendAnswers();
    });
  }

  /** Sends the answers up to the first request that is not answered. */
  #sendAnswers(): void {
    while (this.#unanswered[0]?.isAnswered) {
      this.#unanswered.shift();
      this.#answer();
    }
  }

  #answer(): void {
    this.#telnet.announce(Option.TIMING_MARK, 'local', true);
    this.#telnet.emit({ type: 'timing-mark', by: 'peer', supported: true });
  }
}

/**
 * Marks in the stream (RFC 860). Each DO TIMING-MARK is answered, at its position in the input stream or, with
 * `onRequest`, later; `telnet.handler(definition).ask()` requests a mark of the peer.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` if `onRequest` is not a function
 * @example
 * // The terminal has parsed everything before the mark when it calls back.
 * timingMark({ onRequest: answer => terminal.write('', answer) });
 */
export function timingMark(options: TimingMarkOptions = {}): OptionDefinition<TimingMark> {
  const { onRequest } = options;
  check(onRequest === undefined || typeof onRequest === 'function', 'onRequest must be a function');
  const sides = { local: true, remote: 'request' } as const;
  return defineOption(Option.TIMING_MARK, sides, { create: telnet => new TimingMark(telnet, options) });
}
