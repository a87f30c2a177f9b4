import { Command, type Verb } from '../constants.ts';
import { find } from './find.ts';
import { gather } from './gather.ts';
import { Follows, Subnegotiation } from './subnegotiation.ts';
import { fault, type Token } from './token.ts';

const { IAC, SB, SE, WILL, EOF } = Command;
const NUL = 0;
const LF = 10;
const CR = 13;
const NOTHING = new Uint8Array(0);
/** A run shorter than this is gathered with those that follow it: in bytes, what a view costs its receiver. */
const SHORT = 2 * 1024;

/**
 * How the end of a line in NVT input is delivered (RFC 854; RFC 1123, 3.3.1).
 * `'key'`, for a server: CR LF and CR NUL are both the Return key, one CR.
 * `'text'`, for a client: CR LF stays CR LF, and CR NUL is a CR.
 */
export type CarriageReturn = 'key' | 'text';

/** Where in the grammar of RFC 854 and 855 the next byte stands. */
const State = {
  DATA: 0,
  IAC: 1,
  VERB: 2,
  SUBNEGOTIATION: 3,
} as const;

/**
 * Takes a stream of bytes apart: runs of data, commands, negotiations, subnegotiations (RFC 854, 855).
 *
 * It is pulled: `feed()` gives it bytes, `next()` takes one token, until there is none. So it needs no callbacks, and
 * whoever pulls may stop, throw or feed at any point: after each token the state is whole. Cutting the input in another
 * way changes nothing but where runs of data are cut.
 *
 * A run of data is a view of the caller's chunk, up to the next thing to act on, found by `indexOf` (which is `memchr`
 * where the chunk is Node's Buffer). No byte of plain data passes through JavaScript one by one, and the places found
 * are kept, so that the searches of one chunk are linear together. Where runs are short because bytes between them are
 * undone (lines, doubled 255), they are gathered into one in memory of their own: a receiver does with each run what
 * costs far more than to copy it.
 *
 * End of line, outside BINARY: a CR is delivered at once, and what follows it decides whether that byte is swallowed (see
 * {@link CarriageReturn}), in the same chunk or a later one. Commands in between do not end the wait: in
 * `CR IAC NOP LF` the LF is still the CR's, since a command is not part of the data stream; the switch to BINARY does as
 * soon as a byte of data comes under it, for that byte is the sender's own.
 */
export class Parser {
  readonly #swallowsLineFeed: boolean;
  #state: (typeof State)[keyof typeof State] = State.DATA;
  /** The last byte of NVT data was CR. */
  #afterCarriageReturn = false;
  /** The byte at `#at` is the second IAC of a pair: data, although it looks like a command. */
  #literal = false;
  #verb: Verb = WILL;

  #chunk: Uint8Array = NOTHING;
  #at = 0;
  /** The next IAC, and the next CR (or NUL), of the chunk; stale when it lies before `#at`. */
  #nextIac = -1;
  #nextMark = -1;
  /** A token was given out, and `next()` has not said yet that it was the last. */
  #busy = false;
  /** Chunks fed while busy: from within a handler, or after one threw. */
  #queue: Uint8Array[] | undefined;

  readonly #subnegotiation: Subnegotiation;

  /**
   * @param limit the longest payload of a subnegotiation, in bytes after undoing IAC IAC; a longer one is dropped whole,
   *   since half a value is worse than none
   */
  constructor(carriageReturn: CarriageReturn, limit: number) {
    this.#swallowsLineFeed = carriageReturn === 'key';
    this.#subnegotiation = new Subnegotiation(limit);
  }

  /** Gives bytes to the parser. They are borrowed until `next()` returns `undefined`; if others wait, they are copied. */
  feed(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.#busy) {
      this.#queue ??= [];
      this.#queue.push(new Uint8Array(bytes));
    } else {
      this.#take(bytes);
    }
  }

  /** Makes the parser own what it has not used yet; for a caller that leaves off before `next()` returned `undefined`. */
  keep(): void {
    if (this.#at < this.#chunk.length) this.#take(new Uint8Array(this.#chunk.subarray(this.#at)));
  }

  /**
   * The next token, or `undefined` when all bytes are used. Never throws.
   *
   * @param binary whether the peer sends under BINARY at this point of the stream (RFC 856); may change at any token
   */
  next(binary: boolean): Token | undefined {
    this.#busy = true;
    while (this.#at < this.#chunk.length || this.#more()) {
      const token = this.#step(binary);
      if (token !== undefined) return token;
    }
    this.#busy = false;
    return undefined;
  }

  /** Whether the next byte is data whatever came before, unless it is IAC itself. */
  get allowsFastPath(): boolean {
    return (
      this.#state === State.DATA &&
      !this.#afterCarriageReturn &&
      this.#at >= this.#chunk.length &&
      this.#queue === undefined
    );
  }

  /**
   * Takes back what was fed and is not used yet: what stands behind the last token, and what was fed since. The first of it
   * is a view of the caller's chunk.
   */
  unread(): Uint8Array {
    const parts = [this.#chunk.subarray(this.#at), ...(this.#queue ?? [])];
    this.#queue = undefined;
    this.#take(NOTHING);
    if (parts.length === 1) return parts[0]!;
    const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
    let at = 0;
    for (const part of parts) {
      joined.set(part, at);
      at += part.length;
    }
    return joined;
  }

  /** Bytes held for an unfinished subnegotiation: never more than the limit. */
  get held(): number {
    return this.#subnegotiation.held;
  }

  #take(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#at = 0;
    this.#nextIac = -1;
    this.#nextMark = -1;
  }

  #more(): boolean {
    this.#take(this.#queue?.shift() ?? NOTHING);
    if (this.#queue?.length === 0) this.#queue = undefined;
    return this.#chunk.length > 0;
  }

  #step(binary: boolean): Token | undefined {
    switch (this.#state) {
      case State.DATA:
        return this.#data(binary);
      case State.IAC:
        return this.#command(this.#chunk[this.#at++]!);
      case State.VERB:
        this.#state = State.DATA;
        return { kind: 'negotiation', verb: this.#verb, option: this.#chunk[this.#at++]! };
      case State.SUBNEGOTIATION:
        return this.#inside();
    }
  }

  #inside(): Token | undefined {
    const inside = this.#subnegotiation;
    const token = inside.read(this.#chunk, this.#at);
    this.#at = inside.at;
    if (inside.follows === Follows.DATA) this.#state = State.DATA;
    else if (inside.follows === Follows.COMMAND) this.#state = State.IAC;
    return token;
  }

  /** One run of data, or nothing if an IAC or a swallowed byte is next. */
  #data(binary: boolean): Token | undefined {
    const chunk = this.#chunk;
    const isHalf = this.#literal;
    let start = this.#at;
    if (this.#findIac() === start) {
      if (chunk[start + 1] !== IAC) {
        this.#at++;
        this.#state = State.IAC;
        return undefined;
      }
      // The second one is data, and goes with what follows.
      start++;
      this.#nextIac = find(chunk, IAC, start + 1);
    }
    const iac = this.#nextIac;
    let end = iac;
    if (!binary) {
      if (this.#afterCarriageReturn && this.#isSwallowed(chunk[start]!)) {
        this.#afterCarriageReturn = false;
        this.#at++;
        return undefined;
      }
      end = this.#swallowsLineFeed ? this.#endOfKeys(start, iac) : this.#endOfText(start, iac);
    }
    let view: Uint8Array;
    if (end - start < SHORT && !isHalf && this.#goesOn(end, iac)) {
      const swallowed = binary ? 'nothing' : this.#swallowsLineFeed ? 'NUL and LF' : 'NUL';
      ({ data: view, end } = gather(chunk, this.#at, swallowed));
    } else {
      view = start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end);
    }
    this.#at = end;
    this.#afterCarriageReturn = !binary && chunk[end - 1] === CR;
    return { kind: 'data', view };
  }

  /** Whether data goes on behind the run that ends at `end`, with only a byte between them that is no data. */
  #goesOn(end: number, iac: number): boolean {
    const next = end < iac ? end + 1 : end;
    return next < this.#chunk.length && (this.#chunk[next] !== IAC || this.#chunk[next + 1] === IAC);
  }

  #isSwallowed(byte: number): boolean {
    return byte === NUL || (byte === LF && this.#swallowsLineFeed);
  }

  /** The end of the run from `start`: after the first CR whose successor is to be swallowed, or at `limit`. */
  #endOfKeys(start: number, limit: number): number {
    let cr = this.#findMark(CR, start);
    while (cr + 1 < limit) {
      if (this.#isSwallowed(this.#chunk[cr + 1]!)) return cr + 1;
      cr = this.#findMark(CR, cr + 1);
    }
    return limit;
  }

  /** The same where only NUL is swallowed: to search for it is cheaper, for text is full of CR and has no NUL. */
  #endOfText(start: number, limit: number): number {
    let nul = this.#findMark(NUL, start + 1);
    while (nul < limit) {
      if (this.#chunk[nul - 1] === CR) return nul;
      nul = this.#findMark(NUL, nul + 1);
    }
    return limit;
  }

  /** Where data ends at the latest: at the next IAC that is not the second of a pair. */
  #findIac(): number {
    const from = this.#literal ? this.#at + 1 : this.#at;
    this.#literal = false;
    if (this.#nextIac < from) this.#nextIac = find(this.#chunk, IAC, from);
    return this.#nextIac;
  }

  #findMark(byte: number, from: number): number {
    if (this.#nextMark < from) this.#nextMark = find(this.#chunk, byte, from);
    return this.#nextMark;
  }

  /** The octet after IAC. */
  #command(code: number): Token | undefined {
    this.#state = State.DATA;
    if (code === IAC) {
      this.#at--;
      this.#literal = true;
      return undefined;
    }
    if (code >= WILL) {
      this.#verb = code as Verb;
      this.#state = State.VERB;
      return undefined;
    }
    if (code === SB) {
      this.#state = State.SUBNEGOTIATION;
      this.#subnegotiation.begin();
      return undefined;
    }
    if (code === SE) return fault('unexpected-se', 'IAC SE without a subnegotiation');
    if (code < EOF) return fault('unknown-command', `IAC ${code} is not a command`);
    return { kind: 'command', command: code };
  }
}
