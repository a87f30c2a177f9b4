import { TelptyError } from '../../../errors.ts';
import { check, checkEnabled, checkOctet } from '../../check.ts';
import { Command, Option } from '../../constants.ts';
import type { Side, TelnetEvent, WarningCode } from '../../events.ts';
import {
  type Consent,
  defineOption,
  type OptionContext,
  type OptionDefinition,
  type OptionHandler,
} from '../option.ts';
import { Forwardmask } from './forward.ts';
import { DEFAULT, LEFT_TO_PEER, readSettings, type Setting, UNSUPPORTED, VALUE } from './settings.ts';
import {
  LAST_FUNCTION,
  type SpecialCharacter,
  type SpecialCharacterSettings,
  SpecialFunction,
  type SpecialFunctionName,
} from './slc.ts';
import { SpecialCharacters } from './special-characters.ts';
import {
  BINDING_BITS,
  FORWARDMASK,
  formatMode,
  type LinemodeMode,
  MODE,
  MODE_ACK,
  MODE_BITS,
  MODE_NAMES,
  MOST_UNANSWERED,
  readMode,
  SLC,
} from './wire-format.ts';

// LINEMODE, option 34, RFC 1184. Its wire layout: wire-format.ts; special characters: special-characters.ts; forwarding
// characters: forward.ts.
//
// Modes. Both ends start in mode 0. Either end proposes a mode, and the other acknowledges it. An acknowledgement is
// never answered, and a mode that is already in use is ignored, so an exchange ends after one answer. If proposals
// cross, the client ignores the acknowledgement of its proposal, because that mode differs from the server's later
// proposal. The server switches to the mode that the client acknowledges. So both ends use the mode that the server
// proposed. A client must take EDIT and TRAPSIG as the server proposes them, and may clear the other two. A server may
// add EDIT and TRAPSIG to a mode that a client proposes, by its own proposal. It makes no such proposal while one is
// unanswered, whatever the client insists on.

/** A mode of LINEMODE is in force from this point of the peer's stream on (RFC 1184). */
export interface LinemodeEvent {
  readonly type: 'linemode';
  readonly mode: LinemodeMode;
  /**
   * Which end proposed the mode. The peer may have accepted fewer bits than we proposed, or (a client) another mode.
   */
  readonly by: 'us' | 'peer';
}

/** The peer has changed special characters (RFC 1184, 2.4). */
export interface SpecialCharactersEvent {
  readonly type: 'special-characters';
  /** The characters that have changed, at most 30, with their new settings. */
  readonly changed: readonly SpecialCharacter[];
}

declare module '../../events.ts' {
  interface TelnetEvents {
    readonly linemode: LinemodeEvent;
    readonly 'special-characters': SpecialCharactersEvent;
  }
}

/** Configuration of {@link linemode}. */
export interface LinemodeConfig {
  /** The server sends DO, the client WILL; the opposite roles are refused. */
  readonly role: 'server' | 'client';
  /** Whether the option may be enabled, at the client's (remote) or this (local) side. Default true. */
  readonly consent?: Consent;
  /**
   * Decides on a mode that the peer proposes; without it every mode is accepted. Bits that RFC 1184 does not leave to
   * this end keep their proposed value. Either end may clear softTab and litEcho, and a server may set edit and
   * trapsig.
   */
  readonly accept?: (proposed: LinemodeMode) => LinemodeMode;
  /**
   * Our own special characters. For a server, an omitted function has no preferred character: the client chooses one. A
   * client sends its characters when the option is enabled, and supports no other functions. A client without
   * `characters` requests the server's, and accepts all of them.
   */
  readonly characters?: SpecialCharacterSettings;
  /**
   * @internal For a server without a preference for some functions: the characters to report to clients that ask for
   *   them (RFC 1184, 2.4). The client may change them.
   */
  readonly usual?: SpecialCharacterSettings;
  /** For a client: whether masks of forwarding characters are accepted. Default false. */
  readonly forwardmask?: boolean;
}

interface Terms extends LinemodeConfig {
  readonly side: Side;
  readonly own: readonly Setting[];
  readonly usualSettings: ReadonlyMap<number, Setting>;
}

/** The handler of {@link linemode}. */
export class Linemode implements OptionHandler {
  readonly #telnet: OptionContext;
  readonly #terms: Terms;
  readonly #isServer: boolean;
  /** Created at first use: most clients refuse the option. */
  #madeCharacters: SpecialCharacters | undefined;
  readonly #forwardmask: Forwardmask;
  /** The mode in force. */
  #mode = 0;
  /** The mode that we proposed or acknowledged last; for a server the "current" mode of RFC 1184. */
  #sentMode = 0;
  /** The mode that the server's application proposed last, even if that was before the option was enabled. */
  #requestedMode = 0;
  /** Our proposals without an answer, in order. */
  #unanswered: number[] = [];

  constructor(telnet: OptionContext, terms: Terms) {
    this.#telnet = telnet;
    this.#terms = terms;
    this.#isServer = terms.role === 'server';
    this.#forwardmask = new Forwardmask(telnet, this.#isServer, terms.forwardmask ?? false);
  }

  get #characters(): SpecialCharacters {
    const { own, usualSettings } = this.#terms;
    this.#madeCharacters ??= new SpecialCharacters(this.#isServer, own, usualSettings);
    return this.#madeCharacters;
  }

  /**
   * The mode in force: the mode that the client has acknowledged (server), or that we use (client). All false while not
   * enabled.
   */
  get mode(): LinemodeMode {
    return readMode(this.#mode);
  }

  /** @internal Whether the peer has answered our last proposal. */
  get isAcknowledged(): boolean {
    return this.#unanswered.length === 0;
  }

  /**
   * Proposes a mode; omitted properties are false. The result is a `linemode` event, unless the mode is the one that
   * was proposed or acknowledged last. If several proposals are in transit, each mode that the client passes through
   * emits one event. A server may call this method before the option is enabled: the last mode is then proposed as soon
   * as it is enabled. A client uses the mode from the call on, because only then does the server's acknowledgement
   * match the mode in force (RFC 1184, 2.2).
   *
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for an unknown property, or a value that is not a boolean; `ERR_OPTION`
   *   if the option is not enabled (client)
   */
  propose(mode: Partial<LinemodeMode>): void {
    check(typeof mode === 'object' && mode !== null, 'a mode must be an object');
    for (const [name, on] of Object.entries(mode)) {
      check(
        MODE_NAMES.includes(name) && typeof on === 'boolean',
        'a mode must have edit, trapsig, softTab and litEcho',
      );
    }
    const mask = formatMode(mode);
    if (!this.#isServer) checkEnabled(this.#telnet, Option.LINEMODE, 'local');
    this.#requestedMode = mask;
    if (this.#isEnabled() && mask !== this.#sentMode) this.#propose(mask);
  }

  /**
   * A special character as it is in force.
   *
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for an unknown function
   */
  character(name: SpecialFunctionName): SpecialCharacter {
    check(Object.hasOwn(SpecialFunction, name), `unknown special function ${name}`);
    return this.#characters.get(SpecialFunction[name]);
  }

  /**
   * Changes our own special characters. If the option is enabled, sends those that are not already in force to the
   * peer. The peer may disagree: then a `special-characters` event follows.
   *
   * @throws TelptyError `ERR_INVALID_ARGUMENT` as for {@link linemode}
   */
  setCharacters(settings: SpecialCharacterSettings): void {
    this.#send(SLC, this.#characters.set(readSettings(settings), this.#isEnabled()), false);
  }

  /** @internal Like `usual` of {@link linemode}, for characters that become known later. */
  setUsual(settings: SpecialCharacterSettings): void {
    this.#characters.setUsual(readSettings(settings));
  }

  /**
   * For a client: sends all of our own special characters to the server.
   *
   * @throws TelptyError `ERR_OPTION` if not enabled
   */
  exportCharacters(): void {
    this.#only('client');
    checkEnabled(this.#telnet, Option.LINEMODE, 'local');
    this.#send(SLC, this.#characters.export(), false);
  }

  /**
   * For a client: requests the server's special characters, either those in force there or its defaults. With
   * `'default'`, the server also returns to its defaults.
   *
   * @throws TelptyError `ERR_OPTION` if not enabled
   */
  importCharacters(which: 'current' | 'default'): void {
    this.#only('client');
    check(which === 'current' || which === 'default', "which must be 'current' or 'default'");
    checkEnabled(this.#telnet, Option.LINEMODE, 'local');
    this.#send(SLC, [0, which === 'current' ? VALUE : DEFAULT, 0]);
  }

  /**
   * For a server: requests that the client also forward its input at these characters, 0 to 255; `undefined` withdraws
   * the request. The answer is a `forwardmask` event. Characters from 128 on are requested only while the client sends
   * BINARY. May be called before the option is enabled.
   *
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for a value that is not an octet
   */
  forward(characters: readonly number[] | undefined): void {
    this.#only('server');
    check(characters === undefined || Array.isArray(characters), 'characters must be a list');
    for (const character of characters ?? []) checkOctet(character, 'a character');
    this.#forwardmask.want(characters?.slice(), this.#isEnabled());
  }

  enabled(): void {
    if (this.#isServer) {
      if (this.#requestedMode !== 0) this.#propose(this.#requestedMode);
      this.#forwardmask.enabled();
    } else if (this.#terms.characters === undefined) {
      this.importCharacters('default');
    } else {
      this.exportCharacters();
    }
  }

  disabled(): void {
    this.#mode = 0;
    this.#sentMode = 0;
    this.#unanswered = [];
    this.#forwardmask.disabled();
    this.#madeCharacters?.reset();
  }

  notice(event: TelnetEvent): void {
    // The longer mask is for BINARY, which may be negotiated later than the mask.
    if (event.type !== 'option' || event.option !== Option.BINARY || event.side !== 'remote') return;
    if (this.#isServer && this.#isEnabled()) this.#forwardmask.binaryChanged();
  }

  subnegotiation(payload: Uint8Array): void {
    const [message] = payload;
    const body = payload.subarray(1);
    if (message === MODE && body.length === 1) this.#modeSaid(body[0]! & MODE_BITS, (body[0]! & MODE_ACK) !== 0);
    else if (message === SLC) this.#charactersSaid(body);
    else if (message !== undefined && message >= Command.WILL && body[0] === FORWARDMASK) {
      this.#forwardmask.received(message, body.subarray(1));
    } else this.#warn('malformed-subnegotiation', 'neither MODE nor SLC nor FORWARDMASK');
  }

  #modeSaid(mask: number, acknowledges: boolean): void {
    if (this.#isServer && (acknowledges || mask === this.#sentMode)) this.#answered(mask);
    else if (mask === this.#sentMode) this.#confirmed();
    else if (!acknowledges) this.#proposed(mask);
    // The remaining case: a client that has received another proposal since it proposed this mode ignores the
    // acknowledgement.
  }

  /** The mode that the client now uses, which is also its answer to a proposal of ours. */
  #answered(mask: number): void {
    const asked = this.#unanswered;
    const exact = asked.indexOf(mask);
    const place = exact >= 0 ? exact : asked.findIndex(proposal => isPartOf(mask, proposal));
    // An answer that matches no proposal is the client's own decision: the server switches to it (RFC 1184, 2.2).
    const answers = asked.splice(0, place < 0 ? asked.length : place + 1).length > 0;
    const isLast = asked.length === 0;
    if (isLast) this.#sentMode = mask;
    this.#enter(mask, 'us', answers && isLast);
  }

  /** The server has acknowledged the mode that we, a client, have used since we proposed it. */
  #confirmed(): void {
    if (this.#unanswered.length === 0) return;
    this.#unanswered = [];
    this.#telnet.emit({ type: 'linemode', mode: this.mode, by: 'us' });
  }

  #proposed(mask: number): void {
    const accepted = this.#acceptableMode(mask);
    // A client's answer is the mode that it agrees to. A server that agrees only to another mode must propose it,
    // because the client would ignore an acknowledgement of it.
    if (this.#isServer && accepted !== mask) {
      // Only one proposal at a time. One that is already in transit will change the client's mode in any case.
      if (this.#unanswered.length === 0) this.#propose(accepted);
      return;
    }
    const wasAsked = this.#unanswered.length > 0;
    this.#sentMode = accepted;
    this.#unanswered = [];
    this.#send(MODE, [accepted | MODE_ACK]);
    this.#enter(accepted, 'peer', wasAsked);
  }

  #acceptableMode(mask: number): number {
    if (this.#terms.accept === undefined) return mask;
    const wanted = formatMode(this.#terms.accept(readMode(mask)));
    return (this.#isServer ? (mask | wanted) & BINDING_BITS : mask & BINDING_BITS) | (mask & wanted & ~BINDING_BITS);
  }

  #propose(mask: number): void {
    this.#sentMode = mask;
    this.#unanswered.push(mask);
    if (this.#unanswered.length > MOST_UNANSWERED) this.#unanswered.shift();
    if (!this.#isServer) this.#mode = mask;
    this.#send(MODE, [mask]);
  }

  /**
   * @param isAnswer this mode settles a proposal of ours, so the application is notified even if the mode is unchanged
   */
  #enter(mask: number, by: 'us' | 'peer', isAnswer: boolean): void {
    if (mask === this.#mode && !isAnswer) return;
    this.#mode = mask;
    this.#telnet.emit({ type: 'linemode', mode: this.mode, by });
  }

  #charactersSaid(triplets: Uint8Array): void {
    const { answer, changed, malformed, tooMany } = this.#characters.receive(triplets);
    if (malformed || triplets.length % 3 !== 0)
      this.#warn('malformed-subnegotiation', 'SLC that does not consist of triplets');
    if (tooMany) this.#warn('too-many-values', `more than ${LAST_FUNCTION} special characters in one answer`);
    this.#send(SLC, answer, false);
    if (changed.length > 0) this.#telnet.emit({ type: 'special-characters', changed });
  }

  #isEnabled(): boolean {
    // Not while it is being disabled: the client will have disabled it before it reads a message that is sent now.
    const { side } = this.#terms;
    return this.#telnet.isEnabled(Option.LINEMODE, side) && !this.#telnet.isPending(Option.LINEMODE, side);
  }

  #only(role: LinemodeConfig['role']): void {
    if (this.#terms.role !== role) throw new TelptyError('ERR_OPTION', `LINEMODE: this call is for a ${role}`);
  }

  /** @param evenEmpty whether a message with an empty body is sent, too */
  #send(message: number, body: ArrayLike<number>, evenEmpty = true): void {
    if (body.length === 0 && !evenEmpty) return;
    const payload = new Uint8Array(1 + body.length);
    payload[0] = message;
    payload.set(body, 1);
    this.#telnet.subnegotiate(Option.LINEMODE, payload);
  }

  #warn(code: WarningCode, message: string): void {
    this.#telnet.warn(code, `LINEMODE: ${message}`, Option.LINEMODE);
  }
}

/**
 * Whether a client may answer a proposal with this mode: it has the proposed EDIT and TRAPSIG, and no additional bit.
 */
function isPartOf(mask: number, proposal: number): boolean {
  return (mask & BINDING_BITS) === (proposal & BINDING_BITS) && (mask & ~proposal) === 0;
}

/**
 * Local editing by the client (RFC 1184): modes as `linemode` events, special characters as `special-characters`,
 * forwarding characters as `forwardmask`.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` for an invalid role or special character
 */
export function linemode(config: LinemodeConfig): OptionDefinition<Linemode> {
  const { role, consent = true, accept, characters } = config;
  check(role === 'server' || role === 'client', "role must be 'server' or 'client'");
  check(accept === undefined || typeof accept === 'function', 'accept must be a function');
  const hasNoWish = role === 'server' || characters === undefined;
  const own = Array<Setting>(LAST_FUNCTION + 1).fill(hasNoWish ? LEFT_TO_PEER : UNSUPPORTED);
  for (const [code, setting] of readSettings(characters ?? {})) own[code] = setting;
  const side = role === 'server' ? 'remote' : 'local';
  const terms: Terms = Object.freeze({
    ...config,
    side,
    own: Object.freeze(own),
    usualSettings: readSettings(config.usual ?? {}),
  });
  return defineOption(Option.LINEMODE, { [side]: consent }, { create: telnet => new Linemode(telnet, terms) });
}
