import { TelptyError } from '../errors.ts';
import { check, checkBytes, checkLimits, checkOctet, checkOptions } from './check.ts';
import { Command, Option, optionName, type Verb } from './constants.ts';
import { LateRequests } from './engine/late-requests.ts';
import {
  type Compatibility,
  isCompatibility,
  type NegotiationInput,
  type NegotiationState,
  type Transition,
  transition,
} from './engine/negotiation.ts';
import type { Escaping } from './engine/nvt.ts';
import { Late, OptionStates } from './engine/option-states.ts';
import { Outbound } from './engine/outbound.ts';
import { type CarriageReturn, Parser } from './engine/parser.ts';
import { Refusals } from './engine/refusals.ts';
import { RepeatedRequests } from './engine/repeated-requests.ts';
import type { Token } from './engine/token.ts';
import type { Side, TelnetEvent, TelnetHandlers, WarningCode } from './events.ts';
import { defaultLimits, type TelnetLimits } from './limits.ts';
import type { OptionContext, OptionDefinition, OptionHandler } from './options/option.ts';

const { SE, EOF, GA, WILL, WONT, DO, DONT } = Command;

const HANDLERS = ['send', 'data', 'event'] as const;

/**
 * Without `TelnetHandlers.deferred` the counts of answers are never reset. So a peer gets more answers at once, and
 * then this number of late ones; an exchange in which it reacts to each answer ends.
 */
const MORE_WITHOUT_DRIVER = 64;
const MOST_ROUNDS_WITHOUT_DRIVER = 16;

/** Configuration of this end of the connection. */
export interface TelnetConfig {
  /**
   * The supported options, and the sides on which they may be enabled; all other options are refused. A frozen list is
   * shared by all connections that are created with it; otherwise each connection copies it.
   */
  readonly options: readonly OptionDefinition[];
  /** How the end of a line is delivered outside BINARY. Default `'key'`, for a server. */
  readonly carriageReturn?: CarriageReturn;
  /**
   * How a request of the peer for an option that is already on is treated. `'strict'`, the default, ignores it, as RFC
   * 1143 requires. `'tolerant'` answers it if the peer visibly waits. Then the request comes some time after the last
   * message about that side, or after data or a command. (Without a clock, `TelnetHandlers.now`, only the second case
   * can be detected.)
   */
  readonly compatibility?: Compatibility;
  /** @internal Minimum time between a message and the reaction to it, in milliseconds; default 0. */
  readonly roundTripMs?: number;
}

/**
 * The Telnet protocol at one end of one connection (RFC 854, 855, 1143): bytes in, data and events out, and the
 * reverse.
 *
 * It does no I/O, has no clock, and has no role: a server and a client differ only in their option tables. It never
 * throws because of peer input. It always throws a {@link TelptyError} for an error of the caller.
 *
 * All methods may be called from handlers. If a handler calls `receive()`, the bytes are copied, and are processed in
 * order before the outer call returns. If a handler throws, the call that led to it throws the same. The handler's
 * event counts as delivered. The input that `receive()` had not processed yet is kept, and the next `receive()`
 * processes it first (`receive(new Uint8Array(0))` is sufficient).
 */
export class Telnet implements OptionContext {
  readonly limits: TelnetLimits;
  readonly #handlers: TelnetHandlers;
  readonly #definitions: readonly OptionDefinition[];
  readonly #states: OptionStates;
  readonly #parser: Parser;
  readonly #out: Outbound;
  /** For a tolerant engine. */
  readonly #repetitions: RepeatedRequests | undefined;
  /** One for each definition, created at first use. */
  readonly #made: (OptionHandler | undefined)[];
  #receiving = false;
  #warnings = 0;
  /** Whether answers are late, or would be: the driver has been notified to call {@link sendDeferred}. */
  #deferring = false;
  /** Whether an answer is late. */
  #isLate = false;
  /** @internal The requests of the peer that are answered late; created at the first one. */
  lateRequests: LateRequests | undefined;
  /** Number of times that late answers were sent without a pause in between. */
  #lateRounds = 0;
  /** Whether a side has changed and the application has not been notified yet. */
  #hasChanges = false;
  /** Created at the first request that is refused. */
  #refusals: Refusals | undefined;
  /** Late refusals of options that are not in the table, as numbers of {@link sideOf}. */
  #lateRefusals: Set<number> | undefined;

  /**
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for a missing handler, a number out of range, or two definitions of one
   *   option
   */
  constructor(handlers: TelnetHandlers, config: TelnetConfig, limits?: Partial<TelnetLimits>) {
    for (const name of HANDLERS) check(typeof handlers?.[name] === 'function', `handlers.${name} must be a function`);
    const carriageReturn = config?.carriageReturn ?? 'key';
    check(carriageReturn === 'key' || carriageReturn === 'text', "carriageReturn must be 'key' or 'text'");
    const compatibility = config?.compatibility ?? 'strict';
    check(isCompatibility(compatibility), "compatibility must be 'strict' or 'tolerant'");
    this.limits = limits === undefined ? defaultLimits : checkLimits({ ...defaultLimits, ...limits });
    this.#handlers = handlers;
    this.#definitions = checkOptions(config?.options);
    this.#made = new Array(this.#definitions.length);
    this.#states = new OptionStates(this.#definitions.length);
    this.#out = new Outbound(handlers);
    if (compatibility === 'tolerant') {
      this.#repetitions = new RepeatedRequests(() => handlers.now?.() ?? 0, config?.roundTripMs ?? 0);
    }
    this.#parser = new Parser(carriageReturn, this.limits.subnegotiationBytes);
  }

  /**
   * Processes input bytes, however the stream is cut into chunks. The bytes are borrowed: the caller may reuse them
   * after the call.
   *
   * @throws TelptyError `ERR_INVALID_ARGUMENT` if `bytes` is not a Uint8Array; any error that a handler throws
   */
  receive(bytes: Uint8Array): void {
    checkBytes(bytes);
    this.#parser.feed(bytes);
    if (this.#receiving) return;
    this.#receiving = true;
    this.#refusals?.begin();
    try {
      for (;;) {
        const token = this.#parser.next(this.isEnabled(Option.BINARY, 'remote'));
        if (token !== undefined) this.#accept(token);
        else if (this.#hasChanges) this.#notifyChanges();
        else if (this.#isLate && this.#mayFinish) this.#sendLate();
        else return;
      }
    } finally {
      this.#receiving = false;
      this.#parser.keep();
    }
  }

  /**
   * Takes back the bytes passed to `receive()` that have not been processed yet; `receive()` then returns without them.
   * For the handler of a `compression` event: the bytes begin exactly after its marker, and are compressed. The
   * inflated bytes may be passed to `receive()` at once. Outside of an event handler the result is empty, unless a
   * handler threw.
   *
   * Borrowed like the chunk itself: valid during the handler's call.
   */
  takeUnread(): Uint8Array {
    return this.#parser.unread();
  }

  /**
   * Sends data. 255 is doubled; outside BINARY, a CR without LF is sent as CR NUL (RFC 854). Lines end in CR LF; a lone
   * LF is sent unchanged. A CR at the end is sent at once, its NUL before the next output; see {@link flush}. A peer
   * that accepts TTYPE, but refuses NAWS and SGA, receives IAC NOP after the NUL: see nvt.ts.
   *
   * @throws TelptyError `ERR_INVALID_ARGUMENT` if `bytes` is not a Uint8Array
   */
  write(bytes: Uint8Array): void {
    checkBytes(bytes);
    this.#out.data(bytes, this.escaping);
  }

  /**
   * Whether the peer looks like libtelnet's telnet-client, which does not print the bytes after a NUL. It accepts
   * TTYPE, and refuses all other options that a terminal is asked for. With IAC NOP after a NUL it prints the rest. Any
   * other client that is mistaken for it ignores the command (RFC 854).
   */
  get #stopsAtNul(): boolean {
    return (
      this.isEnabled(Option.TTYPE, 'remote') &&
      this.isSettled(Option.NAWS, 'remote') &&
      !this.isEnabled(Option.NAWS, 'remote') &&
      this.stateOf(Option.SGA, 'local') === 'NO'
    );
  }

  /**
   * Whether bytes may bypass this object for now. If so, all bytes except IAC, CR, LF and NUL are data that is
   * unchanged in either direction, and output whose last byte is not CR is only escaped (see {@link escaping}). They do
   * not affect the state of this object.
   */
  get allowsFastPath(): boolean {
    return !this.#receiving && this.#parser.allowsFastPath && this.#out.allowsFastPath;
  }

  /** How `write()` escapes data now. The negotiation of an option may change it. */
  get escaping(): Escaping {
    if (this.isEnabled(Option.BINARY, 'local')) return 'binary';
    return this.#stopsAtNul ? 'nvt-separated' : 'nvt';
  }

  /**
   * Sends the pending NUL of a CR at the end of the last `write()`, if there is one. For a caller that does not send an
   * LF next. An example is a client that has sent the Return key to a server which holds a CR back.
   */
  flush(): void {
    this.#out.flush(this.#stopsAtNul);
  }

  /**
   * Sends IAC and a command: NOP, DM, BRK, IP, AO, AYT, EC, EL, GA, EOR, EOF, SUSP or ABORT. (DM is sent as
   * `'urgent'`.)
   *
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for any other code
   */
  command(code: number): void {
    check(Number.isInteger(code) && code >= EOF && code <= GA && code !== SE, 'not a standalone Telnet command');
    this.#out.command(code);
  }

  /**
   * Sends the late answers, each according to the current state of its option. After that, `TelnetLimits.optionChanges`
   * more answers about each side are sent at once. Call this some time after {@link TelnetHandlers.deferred}.
   */
  sendDeferred(): void {
    this.#deferring = false;
    if (!this.#isLate) this.#lateRounds = 0;
    this.#states.resetAnswers();
    this.#sendLate();
  }

  /**
   * Requests that one side of an option be enabled (`on`) or disabled (RFC 1143). The result is an `option` event.
   * Requesting the current state does nothing; a request while an answer is outstanding is queued.
   *
   * @throws TelptyError `ERR_OPTION` if the option is not in the table, or not allowed on that side
   */
  request(code: number, side: Side, on: boolean): void {
    const index = this.#require(code);
    checkSide(side);
    check(typeof on === 'boolean', 'on must be a boolean');
    const definition = this.#definitions[index]!;
    if (on && !definition[side]) {
      throw new TelptyError('ERR_OPTION', `${optionName(code)} is not allowed on the ${side} side`);
    }
    this.#states.want(index, side, on);
    const handler = this.#handlerAt(index);
    const late = this.#states.late(index, side);
    if (handler?.requested !== undefined) handler.requested(side, on);
    // The peer will soon receive a late answer, and would mistake this request for it.
    else if (late !== 0) this.#states.setLate(index, side, late | Late.ASKED);
    else this.#step(index, side, on ? 'ask-on' : 'ask-off');
  }

  /**
   * Treats our last request about a side as accepted, for peers that follow a request without answering it. A later
   * answer is treated as unsolicited: it changes nothing if it agrees.
   *
   * @internal
   */
  assumeAgreed(code: number, side: Side): void {
    const index = this.#require(code);
    const state = this.#states.get(index, side);
    if (!state.startsWith('WANT') || this.#states.late(index, side) !== 0) return;
    this.#step(index, side, state.startsWith('WANTYES') ? 'agreed' : 'negative');
  }

  /**
   * Sets whether the peer may enable one side of an option whose consent is `'request'`, without requesting it.
   * {@link request} includes this.
   *
   * @throws TelptyError `ERR_OPTION` if the option is not in the table, or not allowed on that side
   */
  allow(code: number, side: Side, on: boolean): void {
    const index = this.#require(code);
    checkSide(side);
    if (on && !this.#definitions[index]![side]) {
      throw new TelptyError('ERR_OPTION', `${optionName(code)} is not allowed on the ${side} side`);
    }
    this.#states.want(index, side, on);
  }

  /**
   * Sends a subnegotiation: IAC SB code payload IAC SE (RFC 855), with 255 doubled.
   *
   * @throws TelptyError `ERR_OPTION` if the option is not in the table or enabled on neither side
   */
  subnegotiate(code: number, payload: Uint8Array): void {
    const index = this.#require(code);
    checkBytes(payload);
    if (!this.isEnabled(code, 'local') && !this.isEnabled(code, 'remote')) {
      throw new TelptyError('ERR_OPTION', `${optionName(code)} is not enabled`);
    }
    // The peer may accept it only after it has received our late answer.
    if ((this.#states.late(index, 'remote') & (Late.ON | Late.CHANGED)) !== 0) this.#sendLateAnswer(index, 'remote');
    this.#out.subnegotiation(code, payload);
  }

  /**
   * Whether a side performs the option now. A side that is being disabled counts as off from our WONT on (local), and
   * as on until the peer's WONT (remote). The change takes place at that point of each stream. False for an option that
   * is not in the table.
   */
  isEnabled(code: number, side: Side): boolean {
    const state = this.stateOf(code, side);
    return state === 'YES' || (side === 'remote' && (state === 'WANTNO' || state === 'WANTNO/OPPOSITE'));
  }

  /** The state of RFC 1143; `'NO'` for an option that is not in the table. */
  stateOf(code: number, side: Side): NegotiationState {
    const index = this.#indexOf(code);
    return index < 0 ? 'NO' : this.#states.get(index, side);
  }

  /**
   * Whether the peer has sent a request or an answer about this side, and none is outstanding: `isEnabled()` is then
   * its decision.
   */
  isSettled(code: number, side: Side): boolean {
    const index = this.#indexOf(code);
    return index >= 0 && this.#states.hasReceived(index, side) && !this.isPending(code, side);
  }

  /** Whether a request of ours about this side is unanswered. */
  isPending(code: number, side: Side): boolean {
    const index = this.#indexOf(code);
    if (index < 0) return false;
    return this.#states.get(index, side).startsWith('WANT') || (this.#states.late(index, side) & Late.ASKED) !== 0;
  }

  /** Whether this definition object is in the table of options. */
  has(definition: OptionDefinition): boolean {
    return this.#definitions.includes(definition);
  }

  /**
   * The handler of an option, with its additional methods, such as `report()` of the window size.
   *
   * @throws TelptyError `ERR_OPTION` if this definition object is not in the table, or has no handler
   */
  handler<H extends OptionHandler>(definition: OptionDefinition<H>): H {
    const index = this.#definitions.indexOf(definition as OptionDefinition);
    const handler = index < 0 ? undefined : this.#handlerAt(index);
    if (handler === undefined) throw new TelptyError('ERR_OPTION', 'the definition is not in the table of options');
    return handler as H;
  }

  // Methods for options (OptionContext); applications do not need them.

  find(code: number): OptionHandler | undefined {
    const index = this.#indexOf(code);
    return index < 0 ? undefined : this.#handlerAt(index);
  }

  requestIfKnown(code: number, side: Side): void {
    const index = this.#indexOf(code);
    if (index >= 0 && this.#definitions[index]![side]) this.request(code, side, true);
  }

  codes(): readonly number[] {
    return this.#definitions.map(definition => definition.code);
  }

  announce(code: number, side: Side, positive: boolean): void {
    const [yes, no] = side === 'local' ? ([WILL, WONT] as const) : ([DO, DONT] as const);
    this.#repetitions?.sent(sideOf(code, side), positive);
    this.#out.negotiation(positive ? yes : no, code);
  }

  emit(event: TelnetEvent): void {
    for (const handler of this.#made) handler?.notice?.(event);
    this.#handlers.event(event);
  }

  warn(code: WarningCode, message: string, option?: number): void {
    const count = ++this.#warnings;
    if (count > this.limits.warnings) return;
    if (count === this.limits.warnings)
      this.emit({ type: 'warning', code: 'too-many-warnings', message: 'no further warnings' });
    else this.emit({ type: 'warning', code, message, ...(option === undefined ? undefined : { option }) });
  }

  // Input.

  #accept(token: Token): void {
    if (token.kind === 'data') {
      this.#repetitions?.otherInput();
      this.#handlers.data(token.view);
      return;
    }
    if (token.kind === 'fault') {
      this.warn(token.code, token.message, token.option);
      return;
    }
    this.#handlers.trace?.('received', token);
    if (token.kind === 'command') this.#repetitions?.otherInput();
    if (token.kind === 'command') this.emit({ type: 'command', command: token.command });
    else if (token.kind === 'negotiation') this.#negotiated(token.verb, token.option);
    else this.#subnegotiated(token.option, token.payload);
  }

  #negotiated(verb: Verb, code: number): void {
    const side: Side = verb === WILL || verb === WONT ? 'remote' : 'local';
    const positive = verb === WILL || verb === DO;
    const index = this.#indexOf(code);
    if (index < 0) {
      // An option that never leaves NO needs no state.
      if (positive) this.#refuse(code, side);
      else this.#countRefusals().switched();
      return;
    }
    this.#states.setReceived(index, side);
    const handler = this.#handlerAt(index);
    if (handler?.negotiated !== undefined) handler.negotiated(side, positive);
    else if (this.#states.late(index, side) !== 0) this.#follow(index, side, positive);
    else this.#answer(index, side, positive);
  }

  /** Refuses an option that is not in the table. */
  #refuse(code: number, side: Side): void {
    if (!this.#countRefusals().isLate()) {
      this.announce(code, side, false);
      return;
    }
    this.#isLate = true;
    this.#countLate(sideOf(code, side));
    this.#lateRefusals ??= new Set();
    this.#lateRefusals.add(sideOf(code, side));
    this.#defer();
  }

  #countLate(side: number): void {
    this.lateRequests ??= new LateRequests();
    this.lateRequests.add(side);
  }

  #countRefusals(): Refusals {
    this.#refusals ??= new Refusals();
    return this.#refusals;
  }

  /** Answers the peer's request about a side according to the table, or late if it has had too many answers already. */
  #answer(index: number, side: Side, positive: boolean): void {
    const compatibility = this.#compatibilityFor(index, side, positive);
    const look = () => this.#transition(index, side, this.#inputOf(index, side, positive), compatibility);
    const { send, next } = look();
    const isAnswer = send !== undefined && !next.startsWith('WANT');
    const isRefusal = positive && send === false && next === 'NO';
    // (Looked up again, since the driver may have sent late answers, and the application was notified of them.)
    if (!isAnswer || this.#mayAnswer(index, side, isRefusal)) {
      this.#apply(index, side, look());
      return;
    }
    this.#isLate = true;
    const isOn = side === 'remote' && this.#states.get(index, side) !== 'NO';
    this.#states.setLate(index, side, Late.UNANSWERED | (isOn ? Late.KNOWN_ON : 0));
    this.#follow(index, side, positive);
  }

  /** Which table applies to the peer's request: it depends on whether a repetition is answered now. */
  #compatibilityFor(index: number, side: Side, positive: boolean): Compatibility {
    if (this.#repetitions === undefined || !positive || this.#states.get(index, side) !== 'YES') return 'strict';
    const key = sideOf(this.#definitions[index]!.code, side);
    const waits = this.#repetitions.waits(key);
    if (waits) this.#repetitions.answered(key);
    else this.#repetitions.ignored(key);
    return waits ? 'tolerant' : 'strict';
  }

  /** Whether late answers are sent at the end of `receive()`, because no driver sends them. */
  get #mayFinish(): boolean {
    return this.#handlers.deferred === undefined && this.#lateRounds < MOST_ROUNDS_WITHOUT_DRIVER;
  }

  #mayAnswer(index: number, side: Side, isRefusal: boolean): boolean {
    const most = this.limits.optionChanges + (this.#handlers.deferred === undefined ? MORE_WITHOUT_DRIVER : 0);
    if (isRefusal && this.#countRefusals().isLate()) {
      this.#defer();
      // The driver may have decided that enough time has passed.
      return !this.#deferring && this.#handlers.deferred !== undefined;
    }
    if (this.#states.countAnswer(index, side) <= most) return true;
    this.#defer();
    if (!this.#deferring) {
      // The driver has decided that enough time has passed.
      if (this.#states.countAnswer(index, side) <= most) return true;
      this.#defer();
    }
    const { code } = this.#definitions[index]!;
    if (this.#states.firstWarning(index, side)) {
      this.warn('too-many-changes', `${optionName(code)} changes too often: answers are delayed`, code);
    }
    return false;
  }

  #defer(): void {
    if (this.#deferring || this.#handlers.deferred === undefined) return;
    this.#deferring = true;
    this.#handlers.deferred();
  }

  /** Processes a request of the peer about a side whose answer is already late. */
  #follow(index: number, side: Side, positive: boolean): void {
    this.#countLate(sideOf(this.#definitions[index]!.code, side));
    const late = this.#states.late(index, side);
    if (side === 'local') {
      // Our stream changes at the position of our answer, not before.
      this.#states.setLate(index, side, positive ? late | Late.ON : (late & ~Late.ON) | Late.OFF);
      return;
    }
    // The peer's stream changes at the position of its request; the notification can wait until the end of `receive()`.
    const { next, effect } = this.#transition(index, side, this.#inputOf(index, side, positive));
    this.#states.set(index, side, next);
    if (effect === undefined) return;
    this.#hasChanges = true;
    this.#states.setLate(index, side, late | Late.CHANGED);
  }

  #notifyChanges(): void {
    this.#hasChanges = false;
    for (let index = 0; index < this.#definitions.length; index++) this.#notifyChange(index);
  }

  /**
   * Reports the changes of a remote side whose answer is late. The option's handler is notified of an enabled side only
   * when the answer is sent.
   */
  #notifyChange(index: number): void {
    const late = this.#states.late(index, 'remote');
    if ((late & Late.CHANGED) === 0) return;
    const isOn = this.#states.get(index, 'remote') !== 'NO';
    const kept = late & (Late.UNANSWERED | Late.ASKED);
    this.#states.setLate(index, 'remote', isOn ? kept | Late.ON | Late.KNOWN_ON : kept);
    if ((late & Late.KNOWN_ON) !== 0) {
      if ((late & Late.ON) === 0) this.#notifyHandler(index, 'remote', 'disabled');
      this.#emitEffect(index, 'remote', 'disabled');
    }
    if (isOn) this.#emitEffect(index, 'remote', 'enabled');
  }

  #sendLate(): void {
    if (!this.#isLate) return;
    this.#isLate = false;
    this.#lateRounds++;
    this.lateRequests?.answered();
    let isDone = false;
    try {
      for (let index = 0; index < this.#definitions.length; index++) {
        this.#sendLateAnswer(index, 'remote');
        this.#sendLateAnswer(index, 'local');
      }
      isDone = true;
    } finally {
      // A handler has thrown: the other answers have not been sent yet.
      if (!isDone) {
        this.#isLate = true;
        this.#defer();
      }
    }
    const refusals = this.#lateRefusals;
    this.#lateRefusals = undefined;
    for (const refusal of refusals ?? []) this.announce(refusal >> 1, refusal & 1 ? 'remote' : 'local', false);
  }

  #sendLateAnswer(index: number, side: Side): void {
    if (side === 'remote') this.#notifyChange(index);
    const late = this.#states.late(index, side);
    if (late === 0) return;
    this.#states.setLate(index, side, 0);
    const { code } = this.#definitions[index]!;
    if (side === 'remote') {
      this.announce(code, side, this.#states.get(index, side) !== 'NO');
      if ((late & Late.ON) !== 0) this.#notifyHandler(index, side, 'enabled');
    } else {
      this.#sendLateLocal(index, late);
    }
    if ((late & Late.ASKED) !== 0) {
      this.#apply(index, side, this.#transition(index, side, this.#states.wanted(index, side) ? 'ask-on' : 'ask-off'));
    }
  }

  /** The peer's requests about our side: only the last one is answered. */
  #sendLateLocal(index: number, late: number): void {
    const { code } = this.#definitions[index]!;
    const wasOn = this.#states.get(index, 'local') === 'YES';
    const wentOff = wasOn && (late & Late.OFF) !== 0;
    if (wentOff) this.#states.set(index, 'local', 'NO');
    const positive = (late & Late.ON) !== 0;
    const on = positive && this.#inputOf(index, 'local', true) === 'agreed';
    const isOn = on || (wasOn && !wentOff);
    if (on) {
      // For its handler the option is disabled and enabled again, before and after our WILL, as it is for the peer.
      if (wentOff) this.#notifyEffect(index, 'local', 'disabled');
      this.#states.set(index, 'local', 'YES');
    }
    this.announce(code, 'local', isOn);
    if (on) this.#notifyEffect(index, 'local', 'enabled');
    else if (wentOff) this.#notifyEffect(index, 'local', 'disabled');
  }

  #inputOf(index: number, side: Side, positive: boolean): NegotiationInput {
    return !positive ? 'negative' : this.#agrees(index, side) ? 'agreed' : 'unwanted';
  }

  /** The policy on a WILL or DO of the peer; only relevant in state NO. */
  #agrees(index: number, side: Side): boolean {
    const { code, exclusive, supersededBy, [side]: consent } = this.#definitions[index]!;
    const consents = consent === 'request' ? this.#states.wanted(index, side) : consent;
    if (!consents || this.#states.get(index, side) !== 'NO') return false;
    // Even if the other side is only requested: otherwise a mirror would get both sides enabled.
    if (exclusive && this.stateOf(code, side === 'local' ? 'remote' : 'local') !== 'NO') return false;
    return supersededBy === undefined || !this.isEnabled(supersededBy, side);
  }

  #transition(index: number, side: Side, input: NegotiationInput, compatibility: Compatibility = 'strict'): Transition {
    return transition(this.#states.get(index, side), input, compatibility);
  }

  #step(index: number, side: Side, input: NegotiationInput): void {
    this.#apply(index, side, this.#transition(index, side, input));
  }

  #apply(index: number, side: Side, { next, send, effect, error }: Transition): void {
    const { code } = this.#definitions[index]!;
    this.#states.set(index, side, next);
    if (send !== undefined) this.announce(code, side, send);
    // The peer has accepted our WILL BINARY: for the peer, all bytes after that WILL are binary, and a NUL would be
    // data.
    else if (code === Option.BINARY && side === 'local' && effect === 'enabled') this.#out.settle();
    if (error)
      this.warn('contradictory-answer', `${optionName(code)}: the peer answered a refusal with an acceptance`, code);
    this.#notifyEffect(index, side, effect);
  }

  #notifyEffect(index: number, side: Side, effect: Transition['effect']): void {
    this.#notifyHandler(index, side, effect);
    this.#emitEffect(index, side, effect);
  }

  #notifyHandler(index: number, side: Side, effect: Transition['effect']): void {
    if (effect === undefined) return;
    const handler = this.#handlerAt(index);
    if (effect === 'enabled') handler?.enabled?.(side);
    else handler?.disabled?.(side);
  }

  #emitEffect(index: number, side: Side, effect: Transition['effect']): void {
    if (effect === undefined) return;
    this.emit({ type: 'option', option: this.#definitions[index]!.code, side, enabled: effect === 'enabled' });
  }

  #subnegotiated(code: number, payload: Uint8Array): void {
    const index = this.#indexOf(code);
    const isOn = this.isEnabled(code, 'local') || this.isEnabled(code, 'remote');
    const isPending = this.isPending(code, 'local') || this.isPending(code, 'remote');
    const handler = isOn || isPending ? this.#handlerAt(index) : undefined;
    const isTaken =
      isOn ||
      (handler?.takesUnsettled === true && this.isPending(code, 'local')) ||
      (handler?.takesEarly === true && this.isPending(code, 'remote'));
    if (handler?.subnegotiation !== undefined && isTaken) handler.subnegotiation(payload);
    else if (!isOn) this.warn('unexpected-subnegotiation', `${optionName(code)} is not enabled`, code);
    else this.emit({ type: 'subnegotiation', option: code, payload: new Uint8Array(payload) });
  }

  #indexOf(code: number): number {
    for (let index = 0; index < this.#definitions.length; index++) {
      if (this.#definitions[index]!.code === code) return index;
    }
    return -1;
  }

  #require(code: number): number {
    checkOctet(code, 'an option');
    const index = this.#indexOf(code);
    if (index < 0) throw new TelptyError('ERR_OPTION', `${optionName(code)} is not in the table of options`);
    return index;
  }

  #handlerAt(index: number): OptionHandler | undefined {
    const create = this.#definitions[index]!.create;
    if (create === undefined) return undefined;
    this.#made[index] ??= create(this);
    return this.#made[index];
  }
}

/** One side of an option, as a number. */
function sideOf(code: number, side: Side): number {
  return 2 * code + (side === 'local' ? 0 : 1);
}

function checkSide(side: Side): void {
  check(side === 'local' || side === 'remote', "side must be 'local' or 'remote'");
}
