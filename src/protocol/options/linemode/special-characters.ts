import {
  ACK,
  CANTCHANGE,
  DEFAULT,
  describeSetting,
  FLUSH_BITS,
  LEFT_TO_PEER,
  LEVEL_BITS,
  NONE,
  NOSUPPORT,
  type Setting,
  UNSUPPORTED,
  VALUE,
} from './settings.ts';
import { LAST_FUNCTION, type SpecialCharacter } from './slc.ts';

// How the two ends of LINEMODE agree on their special characters (RFC 1184, 2.4, 5.5 and 5.9).
//
// Theory of operation. Each function has two settings. Our own says what this end can do. The one in force is the one
// that was stated last. A statement of the peer that is already in force is ignored, and one with the ACK bit is never
// answered. Any other statement is answered once: with the same setting and ACK if we agree, otherwise with a setting
// that we can support. That is always at a lower level, so every dispute ends. The table shows the answer, by our level
// and the peer's:
//
//                         the peer: NOSUPPORT   CANTCHANGE   VALUE    DEFAULT
//      we: NOSUPPORT                agree       none         none     none
//          CANTCHANGE               agree       none *       own *    own
//          VALUE                    agree       agree        agree    own
//          DEFAULT                  agree       agree        agree    none
//
// "own" states our own setting, "none" states NOSUPPORT. At * we agree if the character equals ours. If our own level
// is DEFAULT, we have no preference and agree to any character; two ends without a preference have no character.
//
// A peer that neither agrees nor lowers its level would continue forever. So until it acknowledges, or states a setting
// that we agree to, each further answer must be at a lower level than the one before.

type Answer = 'agree' | 'own' | 'none';

const ANSWERS: readonly (readonly Answer[])[] = [
  ['agree', 'none', 'none', 'none'],
  ['agree', 'none', 'own', 'own'],
  ['agree', 'agree', 'agree', 'own'],
  ['agree', 'agree', 'agree', 'none'],
];

const UNDISPUTED = DEFAULT + 1;

/** One triplet of the wire. */
type Triplet = readonly [code: number, modifiers: number, value: number];

/** The result of a message. */
export interface Received {
  /** The triplets of the answer, at most 30; empty if there is no answer. */
  readonly answer: Uint8Array;
  /** The characters whose settings in force have changed. */
  readonly changed: readonly SpecialCharacter[];
  /** The message had a malformed request, or one that this end does not serve. */
  readonly malformed: boolean;
  /** The message had more unknown functions than are answered. */
  readonly tooMany: boolean;
}

/** The special characters of one connection. */
export class SpecialCharacters {
  readonly #isServer: boolean;
  readonly #own: Setting[];
  /** The settings to report to a peer that asks for our characters, for functions without a preference of ours. */
  #usual: ReadonlyMap<number, Setting>;
  #current: Setting[] = [];
  /** By function: the level of our last answer that the peer has not accepted yet. */
  #disputed = new Uint8Array(0);
  /** Whether either end has sent a setting since the option was enabled. */
  #exchanged = false;

  /** @param own by function number, with an entry for each function */
  constructor(isServer: boolean, own: readonly Setting[], usual: ReadonlyMap<number, Setting>) {
    this.#isServer = isServer;
    this.#usual = usual;
    this.#own = own.slice();
    this.reset();
  }

  /** The state when the option is enabled: no function has a character (RFC 1184, 3). */
  reset(): void {
    this.#current = Array<Setting>(LAST_FUNCTION + 1).fill(UNSUPPORTED);
    this.#disputed = new Uint8Array(LAST_FUNCTION + 1).fill(UNDISPUTED);
    this.#exchanged = false;
  }

  /** Changes the settings that are reported to a peer that asks. */
  setUsual(usual: ReadonlyMap<number, Setting>): void {
    this.#usual = usual;
  }

  /** The setting in force for a function. */
  get(code: number): SpecialCharacter {
    return describeSetting(code, this.#current[code]!);
  }

  /** Changes our own settings. Returns the triplets to send to the peer if `isEnabled` is set. */
  set(settings: ReadonlyMap<number, Setting>, isEnabled: boolean): Uint8Array {
    const triplets: Triplet[] = [];
    for (const [code, setting] of settings) {
      const now = this.#current[code]!;
      const stated = state(setting);
      const inForce =
        isSame(now, stated) || (now.value === stated.value && now.level === CANTCHANGE && stated.level === VALUE);
      if (isEnabled && inForce) continue;
      // A character that is disabled at present keeps its level: the peer may set a character again.
      if (setting.level !== NOSUPPORT || !isEnabled) this.#own[code] = setting;
      if (isEnabled) triplets.push(this.#putInForce(code, stated));
    }
    return pack(triplets);
  }

  /** All of our own settings except those at level NOSUPPORT, for a client when the option is enabled. */
  export(): Uint8Array {
    const codes = [...this.#own.keys()].filter(code => code > 0 && this.#own[code]!.level !== NOSUPPORT);
    return pack(codes.map(code => this.#putInForce(code, state(this.#own[code]!))));
  }

  /** Processes the triplets of a message of the peer. The caller warns about octets after the last whole triplet. */
  receive(triplets: Uint8Array): Received {
    const before = this.#current.slice();
    const known = new Map<number, Triplet>();
    const unknown = new Map<number, Triplet>();
    let malformed = false;
    for (let at = 0; at + 2 < triplets.length; at += 3) {
      const [code, modifiers, value] = [triplets[at]!, triplets[at + 1]!, triplets[at + 2]!];
      if (code === 0) {
        const level = modifiers & LEVEL_BITS;
        if (!this.#isServer || level < VALUE || (modifiers & ACK) !== 0) malformed = true;
        else {
          known.clear(); // the list answers all functions
          for (const triplet of this.#list(level === DEFAULT)) known.set(triplet[0], triplet);
        }
      } else if (code > LAST_FUNCTION) {
        if ((modifiers & ACK) === 0 && (modifiers & LEVEL_BITS) !== NOSUPPORT) unknown.set(code, [code, NOSUPPORT, 0]);
      } else {
        const triplet = this.#take(code, modifiers, value);
        if (triplet !== undefined) known.set(code, triplet);
      }
    }
    // There are at most 30 functions; unknown ones get the remaining room.
    const answer = [...known.values(), ...unknown.values()];
    const changed = [...this.#current.keys()].filter(code => differs(before[code]!, this.#current[code]!));
    return {
      answer: pack(answer.slice(0, LAST_FUNCTION)),
      changed: changed.map(code => this.get(code)),
      malformed,
      tooMany: answer.length > LAST_FUNCTION,
    };
  }

  /** Processes one statement of the peer about a known function. Returns our answer, if one is due. */
  #take(code: number, modifiers: number, octet: number): Triplet | undefined {
    const level = modifiers & LEVEL_BITS;
    const stated = {
      level,
      flush: modifiers & FLUSH_BITS,
      value: level === CANTCHANGE || level === VALUE ? octet : NONE,
    };
    const now = this.#current[code]!;
    this.#exchanged = true;
    if ((modifiers & ACK) !== 0) {
      this.#disputed[code] = UNDISPUTED;
      // Both ends have changed the same character, and the requests have crossed: the client's value, which the server
      // has acknowledged, takes precedence (RFC 1184, 5.5). Any other difference results from an earlier exchange, and
      // a later message resolves it.
      if (!this.#isServer && level === VALUE && now.level === VALUE) this.#current[code] = stated;
      return undefined;
    }
    if (isSame(now, stated)) {
      this.#disputed[code] = UNDISPUTED;
      return undefined;
    }
    const own = this.#own[code]!;
    const isOwnValue = own.level === CANTCHANGE && stated.value !== NONE && stated.value === own.value;
    const answer = isOwnValue ? 'agree' : ANSWERS[own.level]![level]!;
    if (answer === 'agree') {
      this.#disputed[code] = UNDISPUTED;
      this.#current[code] = level === NOSUPPORT ? UNSUPPORTED : stated;
      return [code, (modifiers & (LEVEL_BITS | FLUSH_BITS)) | ACK, octet];
    }
    const ours = answer === 'own' ? state(own) : UNSUPPORTED;
    if (ours.level >= this.#disputed[code]!) return undefined;
    this.#disputed[code] = ours.level;
    return this.#putInForce(code, ours);
  }

  /** The answer to function 0: all settings in force, or (`restore`) our own settings, which are then in force. */
  #list(restore: boolean): Triplet[] {
    // Before any setting was sent, our own settings are in force here, although the peer does not know them.
    const own = restore || !this.#exchanged;
    const triplets: Triplet[] = [];
    for (let code = 1; code <= LAST_FUNCTION; code++) {
      const setting = own ? state(this.#own[code]!) : this.#current[code]!;
      if (own) this.#disputed[code] = UNDISPUTED;
      // A function without a preference of ours is left to the client, rather than disabled (RFC 1184, 2.4). If we have
      // a character for it nevertheless, that character is sent, because the client asks for it.
      const isLeft = this.#own[code]!.level === DEFAULT && (setting.level === NOSUPPORT || setting.level === DEFAULT);
      if (isLeft) triplets.push(this.#putInForce(code, state(this.#usual.get(code) ?? LEFT_TO_PEER)));
      else if (setting.level !== NOSUPPORT || this.#own[code]!.level !== NOSUPPORT)
        triplets.push(this.#putInForce(code, setting));
      else this.#current[code] = UNSUPPORTED;
    }
    return triplets;
  }

  /** Puts a setting in force, and returns the triplet that states it. */
  #putInForce(code: number, setting: Setting): Triplet {
    this.#exchanged = true;
    this.#current[code] = setting;
    return [code, setting.level | setting.flush, setting.value === NONE ? 0 : setting.value];
  }
}

/** The setting to send: a function without a character at present is sent as not supported. */
function state(setting: Setting): Setting {
  const isOff = setting.value === NONE && setting.level !== DEFAULT;
  return isOff ? UNSUPPORTED : setting;
}

function isSame(one: Setting, other: Setting): boolean {
  return one.level === other.level && one.value === other.value;
}

/** Whether the application must be notified: not if neither setting has a character, for whatever reason. */
function differs(one: Setting, other: Setting): boolean {
  if (one.value === NONE && other.value === NONE) return false;
  return !isSame(one, other) || one.flush !== other.flush;
}

function pack(triplets: readonly Triplet[]): Uint8Array {
  return Uint8Array.from(triplets.flat());
}
