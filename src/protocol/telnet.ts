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
 * Without `TelnetHandlers.deferred` the count of answers never begins anew. So a peer has more answers at once, and then this
 * number of late ones: an exchange in which it goes on at each answer ends.
 */
const MORE_WITHOUT_DRIVER = 64;
const MOST_ROUNDS_WITHOUT_DRIVER = 16;

/** What this end of the connection speaks. */
export interface TelnetConfig {
  /**
   * What is agreed to, and on which side; all other options are refused. Frozen, it is shared by all connections that are
   * made with it; else each takes a copy.
   */
  readonly options: readonly OptionDefinition[];
  /** How the end of a line is delivered outside BINARY. Default `'key'`, which is a server's. */
  readonly carriageReturn?: CarriageReturn;
  /**
   * What becomes of a peer's request for what is on already: `'strict'`, the default, ignores it, as RFC 1143 has it;
   * `'tolerant'` answers it where the peer visibly waits: the request comes some time after the last word about that side, or
   * behind data or a command. (Without a clock, `TelnetHandlers.now`, only the second shows.)
   */
  readonly compatibility?: Compatibility;
  /** @internal How long a word and the reaction to it take at least, in milliseconds; default 0. */
  readonly roundTripMs?: number;
}

/**
 * The Telnet protocol at one end of one connection (RFC 854, 855, 1143): bytes in, data and events out, and back.
 *
 * It does no I/O, has no clock, and knows no role: a server and a client differ in their tables of options. It never
 * throws for what the peer sends; for what the caller does wrong it always throws a {@link TelptyError}.
 *
 * All methods may be called from within the handlers. `receive()` from within a handler copies its bytes, and they are
 * processed, in order, before the outer call returns. If a handler throws, the call that led to it throws the same; its
 * event counts as delivered, and what `receive()` had not processed yet is kept and goes first in the next `receive()`
 * (`receive(new Uint8Array(0))` will do).
 */
export class Telnet implements OptionContext {
  readonly limits: TelnetLimits;
  readonly #handlers: TelnetHandlers;
  readonly #definitions: readonly OptionDefinition[];
  readonly #states: OptionStates;
  readonly #parser: Parser;
  readonly #out: Outbound;
  /** For a tolerant end. */
  readonly #repetitions: RepeatedRequests | undefined;
  /** One for each definition, made at first use. */
  readonly #made: (OptionHandler | undefined)[];
  #receiving = false;
  #warnings = 0;
  /** Whether answers are late, or would be: the driver knows that it has to call {@link sendDeferred}. */
  #deferring = false;
  /** Whether an answer is late. */
  #isLate = false;
  /** @internal The words of the peer whose answers are late; made at the first one. */
  lateWords: LateRequests | undefined;
  /** How often in a row late answers were sent. */
  #lateRounds = 0;
  /** Whether a side has changed of which the application does not know yet. */
  #hasNews = false;
  /** Made at the first request that is refused. */
  #refusals: Refusals | undefined;
  /** Refusals of options that are not in the table, which are late, as {@link sideOf}. */
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
   * Processes bytes from the wire, in any cut. They are borrowed: the caller may reuse them after the call.
   *
   * @throws TelptyError `ERR_INVALID_ARGUMENT` if `bytes` is no Uint8Array; or whatever a handler throws
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
        else if (this.#hasNews) this.#tellNews();
        else if (this.#isLate && this.#mayFinish) this.#sendLate();
        else return;
      }
    } finally {
      this.#receiving = false;
      this.#parser.keep();
    }
  }

  /**
   * Takes back the bytes that `receive()` was given and has not processed yet; it then returns without them. For the handler
   * of a `compression` event: they begin exactly behind its mark, and are compressed. What they inflate to may be given to
   * `receive()` at once. Elsewhere than in the handler of an event there is nothing to take, unless a handler threw.
   *
   * Borrowed like the chunk itself: valid during the handler's call.
   */
  takeUnread(): Uint8Array {
    return this.#parser.unread();
  }

  /**
   * Sends data: 255 doubled, and outside BINARY a CR that no LF follows as CR NUL (RFC 854). Lines end in CR LF; a lone
   * LF is sent as it is. A CR at the end goes out at once, its NUL with whatever is sent next, see {@link flush}. A peer that
   * tells its terminal type, but refuses NAWS and SGA, gets IAC NOP behind the NUL: see nvt.ts.
   *
   * @throws TelptyError `ERR_INVALID_ARGUMENT` if `bytes` is no Uint8Array
   */
  write(bytes: Uint8Array): void {
    checkBytes(bytes);
    const binary = this.isEnabled(Option.BINARY, 'local');
    this.#out.data(bytes, binary, !binary && this.#stopsAtNul);
  }

  /**
   * Whether the peer looks like libtelnet's telnet-client, which prints nothing of what follows a NUL: it agrees to tell its
   * terminal type, and to nothing else that a terminal is asked for. IAC NOP behind a NUL has it print the rest, and any
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
   * Whether bytes may go around this object for now: all but IAC, CR, LF and NUL would be data and the same on both sides,
   * either way, and would leave nothing behind here.
   */
  get allowsFastPath(): boolean {
    return !this.#receiving && this.#parser.allowsFastPath && this.#out.allowsFastPath;
  }

  /**
   * Sends the NUL that is still owed to a CR at the end of the last `write()`, if there is one. For a caller that knows
   * that no LF follows, such as a client that has sent the Return key to a server which holds a CR back.
   */
  flush(): void {
    this.#out.flush(this.#stopsAtNul);
  }

  /**
   * Sends IAC and a command: NOP, DM, BRK, IP, AO, AYT, EC, EL, GA, EOR, EOF, SUSP or ABORT. (DM goes out as `'urgent'`.)
   *
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for any other code
   */
  command(code: number): void {
    check(Number.isInteger(code) && code >= EOF && code <= GA && code !== SE, 'not a standalone Telnet command');
    this.#out.command(code);
  }

  /**
   * Sends the answers that are late, each as the options are now, and lets the peer have `TelnetLimits.optionChanges` more
   * about each side at once. To be called some time after {@link TelnetHandlers.deferred}.
   */
  sendDeferred(): void {
    this.#deferring = false;
    if (!this.#isLate) this.#lateRounds = 0;
    this.#states.resetAnswers();
    this.#sendLate();
  }

  /**
   * Asks to enable (`on`) or disable one side of an option (RFC 1143). The outcome is an `option` event. To ask for what
   * is so already does nothing; to ask while an answer is outstanding queues the change of mind.
   *
   * @throws TelptyError `ERR_OPTION` if the option is not in the table, or not to be enabled on that side
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
    // The peer is about to get an answer: it would take this for that.
    else if (late !== 0) this.#states.setLate(index, side, late | Late.ASKED);
    else this.#step(index, side, on ? 'ask-on' : 'ask-off');
  }

  /**
   * Takes our last request about a side as agreed to, for peers that follow a request and do not answer it. An answer that comes later
   * is like one that nobody has asked for: it changes nothing if it agrees.
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
   * Says whether the peer may switch on one side of an option whose consent is `'request'`, without asking it to: what
   * {@link request} implies.
   *
   * @throws TelptyError `ERR_OPTION` if the option is not in the table, or not to be enabled on that side
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
    // The peer may only take it once it knows that we have agreed.
    if ((this.#states.late(index, 'remote') & (Late.ON | Late.CHANGED)) !== 0) this.#sendLateAnswer(index, 'remote');
    this.#out.subnegotiation(code, payload);
  }

  /**
   * Whether a side performs the option now. A side that is being switched off counts as off from our WONT on (local), and
   * as on until the peer's WONT (remote): that is where in each stream the change takes place. False for an option that
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

  /** Whether the peer has said something about this side, and owes us no answer: then `isEnabled()` is its decision. */
  isSettled(code: number, side: Side): boolean {
    const index = this.#indexOf(code);
    return index >= 0 && this.#states.heard(index, side) && !this.isPending(code, side);
  }

  /** Whether a request of ours about this side has no answer yet. */
  isPending(code: number, side: Side): boolean {
    const index = this.#indexOf(code);
    if (index < 0) return false;
    return this.#states.get(index, side).startsWith('WANT') || (this.#states.late(index, side) & Late.ASKED) !== 0;
  }

  /** Whether this very definition is in the table of options. */
  has(definition: OptionDefinition): boolean {
    return this.#definitions.includes(definition);
  }

  /**
   * The handler of an option: its own calls, such as `report()` of the window size.
   *
   * @throws TelptyError `ERR_OPTION` if this very definition is not in the table, or has no handler
   */
  handler<H extends OptionHandler>(definition: OptionDefinition<H>): H {
    const index = this.#definitions.indexOf(definition as OptionDefinition);
    const handler = index < 0 ? undefined : this.#handlerAt(index);
    if (handler === undefined) throw new TelptyError('ERR_OPTION', 'the definition is not in the table of options');
    return handler as H;
  }

  // What options are made of (OptionContext); applications have no need of it.

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
    this.#repetitions?.said(sideOf(code, side), positive);
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

  // What comes in.

  #accept(token: Token): void {
    if (token.kind === 'data') {
      this.#repetitions?.other();
      this.#handlers.data(token.view);
      return;
    }
    if (token.kind === 'fault') {
      this.warn(token.code, token.message, token.option);
      return;
    }
    this.#handlers.trace?.('received', token);
    if (token.kind === 'command') this.#repetitions?.other();
    if (token.kind === 'command') this.emit({ type: 'command', command: token.command });
    else if (token.kind === 'negotiation') this.#negotiated(token.verb, token.option);
    else this.#subnegotiated(token.option, token.payload);
  }

  #negotiated(verb: Verb, code: number): void {
    const side: Side = verb === WILL || verb === WONT ? 'remote' : 'local';
    const positive = verb === WILL || verb === DO;
    const index = this.#indexOf(code);
    if (index < 0) {
      // No state to keep for an option that never leaves NO.
      if (positive) this.#refuse(code, side);
      else this.#countRefusals().switched();
      return;
    }
    this.#states.hear(index, side);
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
    this.lateWords ??= new LateRequests();
    this.lateWords.add(side);
  }

  #countRefusals(): Refusals {
    this.#refusals ??= new Refusals();
    return this.#refusals;
  }

  /** The peer's word about a side, by the table; late if it had too many answers already. */
  #answer(index: number, side: Side, positive: boolean): void {
    const compatibility = this.#compatibilityFor(index, side, positive);
    const look = () => this.#transition(index, side, this.#inputOf(index, side, positive), compatibility);
    const { say, next } = look();
    const isAnswer = say !== undefined && !next.startsWith('WANT');
    const isRefusal = positive && say === false && next === 'NO';
    // (Looked up once more, since the driver may send late answers, of which the application hears.)
    if (!isAnswer || this.#mayAnswer(index, side, isRefusal)) {
      this.#apply(index, side, look());
      return;
    }
    this.#isLate = true;
    const isOn = side === 'remote' && this.#states.get(index, side) !== 'NO';
    this.#states.setLate(index, side, Late.OWED | (isOn ? Late.KNOWN_ON : 0));
    this.#follow(index, side, positive);
  }

  /** Whether a repetition is answered now, and so by which table the peer's word goes. */
  #compatibilityFor(index: number, side: Side, positive: boolean): Compatibility {
    if (this.#repetitions === undefined || !positive || this.#states.get(index, side) !== 'YES') return 'strict';
    const key = sideOf(this.#definitions[index]!.code, side);
    const waits = this.#repetitions.waits(key);
    if (waits) this.#repetitions.answered(key);
    else this.#repetitions.ignored(key);
    return waits ? 'tolerant' : 'strict';
  }

  /** Whether late answers are sent at the end of `receive()`, since nobody else sends them. */
  get #mayFinish(): boolean {
    return this.#handlers.deferred === undefined && this.#lateRounds < MOST_ROUNDS_WITHOUT_DRIVER;
  }

  #mayAnswer(index: number, side: Side, isRefusal: boolean): boolean {
    const most = this.limits.optionChanges + (this.#handlers.deferred === undefined ? MORE_WITHOUT_DRIVER : 0);
    if (isRefusal && this.#countRefusals().isLate()) {
      this.#defer();
      // The driver may have found that enough time has passed.
      return !this.#deferring && this.#handlers.deferred !== undefined;
    }
    if (this.#states.countAnswer(index, side) <= most) return true;
    this.#defer();
    if (!this.#deferring) {
      // The driver has found that enough time has passed.
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

  /** The peer's word about a side of which an answer is late already. */
  #follow(index: number, side: Side, positive: boolean): void {
    this.#countLate(sideOf(this.#definitions[index]!.code, side));
    const late = this.#states.late(index, side);
    if (side === 'local') {
      // Our stream changes where our answer stands in it, not before.
      this.#states.setLate(index, side, positive ? late | Late.ON : (late & ~Late.ON) | Late.OFF);
      return;
    }
    // The peer's stream changes where its word stands; to tell of it has time until the end of `receive()`.
    const { next, effect } = this.#transition(index, side, this.#inputOf(index, side, positive));
    this.#states.set(index, side, next);
    if (effect === undefined) return;
    this.#hasNews = true;
    this.#states.setLate(index, side, late | Late.CHANGED);
  }

  #tellNews(): void {
    this.#hasNews = false;
    for (let index = 0; index < this.#definitions.length; index++) this.#tellChange(index);
  }

  /** Tells of the changes of a remote side of which an answer is late. That it is on its handler learns with the answer. */
  #tellChange(index: number): void {
    const late = this.#states.late(index, 'remote');
    if ((late & Late.CHANGED) === 0) return;
    const isOn = this.#states.get(index, 'remote') !== 'NO';
    const kept = late & (Late.OWED | Late.ASKED);
    this.#states.setLate(index, 'remote', isOn ? kept | Late.ON | Late.KNOWN_ON : kept);
    if ((late & Late.KNOWN_ON) !== 0) {
      if ((late & Late.ON) === 0) this.#tellHandler(index, 'remote', 'disabled');
      this.#emitEffect(index, 'remote', 'disabled');
    }
    if (isOn) this.#emitEffect(index, 'remote', 'enabled');
  }

  #sendLate(): void {
    if (!this.#isLate) return;
    this.#isLate = false;
    this.#lateRounds++;
    this.lateWords?.answered();
    let isDone = false;
    try {
      for (let index = 0; index < this.#definitions.length; index++) {
        this.#sendLateAnswer(index, 'remote');
        this.#sendLateAnswer(index, 'local');
      }
      isDone = true;
    } finally {
      // A handler has thrown: the other answers are still owed.
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
    if (side === 'remote') this.#tellChange(index);
    const late = this.#states.late(index, side);
    if (late === 0) return;
    this.#states.setLate(index, side, 0);
    const { code } = this.#definitions[index]!;
    if (side === 'remote') {
      this.announce(code, side, this.#states.get(index, side) !== 'NO');
      if ((late & Late.ON) !== 0) this.#tellHandler(index, side, 'enabled');
    } else {
      this.#sendLateLocal(index, late);
    }
    if ((late & Late.ASKED) !== 0) {
      this.#apply(index, side, this.#transition(index, side, this.#states.wanted(index, side) ? 'ask-on' : 'ask-off'));
    }
  }

  /** The peer's words about our side, of which only the last is answered. */
  #sendLateLocal(index: number, late: number): void {
    const { code } = this.#definitions[index]!;
    const wasOn = this.#states.get(index, 'local') === 'YES';
    const wentOff = wasOn && (late & Late.OFF) !== 0;
    if (wentOff) this.#states.set(index, 'local', 'NO');
    const positive = (late & Late.ON) !== 0;
    const on = positive && this.#inputOf(index, 'local', true) === 'agreed';
    const isOn = on || (wasOn && !wentOff);
    if (on) {
      // To its handler it goes off and on again, before and behind our WILL, as it does for the peer.
      if (wentOff) this.#tellEffect(index, 'local', 'disabled');
      this.#states.set(index, 'local', 'YES');
    }
    this.announce(code, 'local', isOn);
    if (on) this.#tellEffect(index, 'local', 'enabled');
    else if (wentOff) this.#tellEffect(index, 'local', 'disabled');
  }

  #inputOf(index: number, side: Side, positive: boolean): NegotiationInput {
    return !positive ? 'negative' : this.#agrees(index, side) ? 'agreed' : 'unwanted';
  }

  /** The policy on a peer's WILL or DO, which matters in state NO alone. */
  #agrees(index: number, side: Side): boolean {
    const { code, exclusive, supersededBy, [side]: consent } = this.#definitions[index]!;
    const consents = consent === 'request' ? this.#states.wanted(index, side) : consent;
    if (!consents || this.#states.get(index, side) !== 'NO') return false;
    // Also while the other side is only asked for: a mirror would otherwise get both sides enabled.
    if (exclusive && this.stateOf(code, side === 'local' ? 'remote' : 'local') !== 'NO') return false;
    return supersededBy === undefined || !this.isEnabled(supersededBy, side);
  }

  #transition(index: number, side: Side, input: NegotiationInput, compatibility: Compatibility = 'strict'): Transition {
    return transition(this.#states.get(index, side), input, compatibility);
  }

  #step(index: number, side: Side, input: NegotiationInput): void {
    this.#apply(index, side, this.#transition(index, side, input));
  }

  #apply(index: number, side: Side, { next, say, effect, error }: Transition): void {
    const { code } = this.#definitions[index]!;
    this.#states.set(index, side, next);
    if (say !== undefined) this.announce(code, side, say);
    // The peer has accepted our WILL BINARY: for it, all that came after that WILL is binary, and a NUL would be data.
    else if (code === Option.BINARY && side === 'local' && effect === 'enabled') this.#out.settle();
    if (error)
      this.warn('contradictory-answer', `${optionName(code)}: the peer answered a refusal with an acceptance`, code);
    this.#tellEffect(index, side, effect);
  }

  #tellEffect(index: number, side: Side, effect: Transition['effect']): void {
    this.#tellHandler(index, side, effect);
    this.#emitEffect(index, side, effect);
  }

  #tellHandler(index: number, side: Side, effect: Transition['effect']): void {
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
