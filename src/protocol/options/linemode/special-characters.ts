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
// Theory of operation. For each function there is our own setting, which says what we are able to do, and the one in
// force, which is what was said last. A statement of the peer that is in force already is ignored, and one with the ACK
// bit is never answered. Any other is answered once: with the same and ACK if we agree, else with what we can do, which is
// always at a lower level, so that a dispute comes to an end. The table says which, by our level and the peer's:
//
//                         the peer: NOSUPPORT   CANTCHANGE   VALUE    DEFAULT
//      we: NOSUPPORT                agree       none         none     none
//          CANTCHANGE               agree       none *       own *    own
//          VALUE                    agree       agree        agree    own
//          DEFAULT                  agree       agree        agree    none
//
// "own" states our own setting, "none" states NOSUPPORT. At * we agree if the character is our own. DEFAULT as our own
// level is to have no wish: any character is agreed to; two ends without a wish have no character.
//
// A peer that neither agrees nor steps down would keep this going for ever. So until it acknowledges, or states something
// that we agree to, a further answer to it has to be at a lower level than the one before.

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

/** What became of a message. */
export interface Received {
  /** The triplets that answer it, at most 30; empty if there is nothing to say. */
  readonly answer: Uint8Array;
  /** The characters that are in force now and were not before. */
  readonly changed: readonly SpecialCharacter[];
  /** It asked for something that is not for this end to give, or asked for it in a wrong way. */
  readonly malformed: boolean;
  /** It named more functions that do not exist than are answered. */
  readonly tooMany: boolean;
}

/** The special characters of one connection. */
export class SpecialCharacters {
  readonly #isServer: boolean;
  readonly #own: Setting[];
  /** What is told of functions without a wish of ours to a peer that asks for our characters. */
  #usual: ReadonlyMap<number, Setting>;
  #current: Setting[] = [];
  /** By function: the level of our last answer that the peer has not taken yet. */
  #disputed = new Uint8Array(0);
  /** Anything was said since the option was enabled. */
  #exchanged = false;

  /** @param own by function, complete */
  constructor(isServer: boolean, own: readonly Setting[], usual: ReadonlyMap<number, Setting>) {
    this.#isServer = isServer;
    this.#usual = usual;
    this.#own = own.slice();
    this.reset();
  }

  /** As it is when the option is enabled: no function has a character (RFC 1184, 3). */
  reset(): void {
    this.#current = Array<Setting>(LAST_FUNCTION + 1).fill(UNSUPPORTED);
    this.#disputed = new Uint8Array(LAST_FUNCTION + 1).fill(UNDISPUTED);
    this.#exchanged = false;
  }

  /** Changes what is told to a peer that asks. */
  setUsual(usual: ReadonlyMap<number, Setting>): void {
    this.#usual = usual;
  }

  /** What is in force for a function. */
  get(code: number): SpecialCharacter {
    return describeSetting(code, this.#current[code]!);
  }

  /** Changes our own settings; returns the triplets that tell the peer, if it has to be told. */
  set(settings: ReadonlyMap<number, Setting>, tell: boolean): Uint8Array {
    const triplets: Triplet[] = [];
    for (const [code, setting] of settings) {
      const now = this.#current[code]!;
      const stated = state(setting);
      const inForce =
        isSame(now, stated) || (now.value === stated.value && now.level === CANTCHANGE && stated.level === VALUE);
      if (tell && inForce) continue;
      // What is switched off for now keeps its level: the peer may set a character again.
      if (setting.level !== NOSUPPORT || !tell) this.#own[code] = setting;
      if (tell) triplets.push(this.#say(code, stated));
    }
    return pack(triplets);
  }

  /** All that this end has to say of its own settings, for a client at its start. */
  export(): Uint8Array {
    const told = [...this.#own.keys()].filter(code => code > 0 && this.#own[code]!.level !== NOSUPPORT);
    return pack(told.map(code => this.#say(code, state(this.#own[code]!))));
  }

  /** Takes the triplets of a message of the peer. Octets after the last whole one are the caller's to complain about. */
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
          known.clear(); // the list says it all
          for (const triplet of this.#list(level === DEFAULT)) known.set(triplet[0], triplet);
        }
      } else if (code > LAST_FUNCTION) {
        if ((modifiers & ACK) === 0 && (modifiers & LEVEL_BITS) !== NOSUPPORT) unknown.set(code, [code, NOSUPPORT, 0]);
      } else {
        const triplet = this.#take(code, modifiers, value);
        if (triplet !== undefined) known.set(code, triplet);
      }
    }
    // There are no more than 30 functions; those that do not exist get what room is left.
    const answer = [...known.values(), ...unknown.values()];
    const changed = [...this.#current.keys()].filter(code => differs(before[code]!, this.#current[code]!));
    return {
      answer: pack(answer.slice(0, LAST_FUNCTION)),
      changed: changed.map(code => this.get(code)),
      malformed,
      tooMany: answer.length > LAST_FUNCTION,
    };
  }

  /** One statement of the peer about a function that exists; returns our answer, if one is due. */
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
      // Both have changed the same character, and the requests have crossed: the client's value stands, which the server
      // has acknowledged (RFC 1184, 5.5). Any other difference is of an earlier exchange, and a later message mends it.
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
    return this.#say(code, ours);
  }

  /** The answer to function 0: everything that is in force, or (`restore`) our own settings, which are then in force. */
  #list(restore: boolean): Triplet[] {
    // Before anything was said, what is in force here are our own settings, though the peer does not know of them.
    const own = restore || !this.#exchanged;
    const triplets: Triplet[] = [];
    for (let code = 1; code <= LAST_FUNCTION; code++) {
      const setting = own ? state(this.#own[code]!) : this.#current[code]!;
      if (own) this.#disputed[code] = UNDISPUTED;
      // A function that we have no wish for is left to the client, rather than switched off (RFC 1184, 2.4); unless we have a
      // character for it all the same, for that is what the client asks for.
      const isLeft = this.#own[code]!.level === DEFAULT && (setting.level === NOSUPPORT || setting.level === DEFAULT);
      if (isLeft) triplets.push(this.#say(code, state(this.#usual.get(code) ?? LEFT_TO_PEER)));
      else if (setting.level !== NOSUPPORT || this.#own[code]!.level !== NOSUPPORT)
        triplets.push(this.#say(code, setting));
      else this.#current[code] = UNSUPPORTED;
    }
    return triplets;
  }

  /** Makes a setting the one in force, and returns the triplet that says so. */
  #say(code: number, setting: Setting): Triplet {
    this.#exchanged = true;
    this.#current[code] = setting;
    return [code, setting.level | setting.flush, setting.value === NONE ? 0 : setting.value];
  }
}

/** A setting as it is said: a function that has no character at present is not supported at present. */
function state(setting: Setting): Setting {
  const isOff = setting.value === NONE && setting.level !== DEFAULT;
  return isOff ? UNSUPPORTED : setting;
}

function isSame(one: Setting, other: Setting): boolean {
  return one.level === other.level && one.value === other.value;
}

/** Whether the application has to know: not where the two have no character, for whatever reason. */
function differs(one: Setting, other: Setting): boolean {
  if (one.value === NONE && other.value === NONE) return false;
  return !isSame(one, other) || one.flush !== other.flush;
}

function pack(triplets: readonly Triplet[]): Uint8Array {
  return Uint8Array.from(triplets.flat());
}
