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
/**
 * A run shorter than this, in bytes, is gathered with the runs after it. The value is what a view costs its receiver.
 */
const SHORT = 2 * 1024;

/**
 * How the end of a line in NVT input is delivered (RFC 854; RFC 1123, 3.3.1).
 *
 * - `'key'`, for a server: CR LF and CR NUL are both the Return key, one CR.
 * - `'text'`, for a client: CR LF stays CR LF, and CR NUL is a CR.
 */
export type CarriageReturn = 'key' | 'text';

/** Position in the grammar of RFC 854 and 855. */
const State = {
  DATA: 0,
  IAC: 1,
  VERB: 2,
  SUBNEGOTIATION: 3,
} as const;

/**
 * Splits a stream of bytes into runs of data, commands, negotiations and subnegotiations (RFC 854, 855).
 *
 * This is a pull parser: `feed()` adds bytes, and `next()` returns one token, until there are no more. So it needs no
 * callbacks, and the caller may stop, throw or feed more bytes at any point: after each token the state is consistent.
 * If the input is cut elsewhere, the only difference is where runs of data are cut.
 *
 * A run of data is a view of the caller's chunk, up to the next byte that needs attention. That byte is found by
 * `indexOf` (which is `memchr` if the chunk is a Node Buffer). Plain data is not processed byte by byte in JavaScript.
 * Positions that were found are kept, so that all searches of one chunk together take linear time. If bytes between
 * runs have to be undone (line endings, doubled 255), runs may be short. Short runs are gathered into one piece in
 * separate memory, because the work of a receiver per run costs far more than the copy.
 *
 * End of line, outside BINARY: a CR is delivered at once. The next byte of data is swallowed or not (see
 * {@link CarriageReturn}), whether it is in the same chunk or a later one. Commands in between do not end the wait: in
 * `CR IAC NOP LF` the LF still belongs to the CR. A command is not part of the data stream. A switch to BINARY
 * ends the wait with the first byte of data under BINARY, because that byte is sent unencoded.
 */
export class Parser {
  readonly #swallowsLineFeed: boolean;
  #state: (typeof State)[keyof typeof State] = State.DATA;
  /** The last byte of NVT data was CR. */
  #afterCarriageReturn = false;
  /** The byte at `#at` is the second IAC of a pair: data, although it looks like the start of a command. */
  #literal = false;
  #verb: Verb = WILL;

  #chunk: Uint8Array = NOTHING;
  #at = 0;
  /** Positions in the chunk of the next IAC and of the next CR (or NUL). Stale if less than `#at`. */
  #nextIac = -1;
  #nextMark = -1;
  /** `next()` has returned a token, and has not returned `undefined` since. */
  #busy = false;
  /** Chunks fed while busy: from a handler, or after a handler threw. */
  #queue: Uint8Array[] | undefined;

  readonly #subnegotiation: Subnegotiation;

  /**
   * @param limit maximum length of the payload of a subnegotiation, in bytes after undoing IAC IAC. A longer payload is
   *   dropped as a whole, because half a value is worse than no value
   */
  constructor(carriageReturn: CarriageReturn, limit: number) {
    this.#swallowsLineFeed = carriageReturn === 'key';
    this.#subnegotiation = new Subnegotiation(limit);
  }

  /**
   * Adds input. The bytes are borrowed until `next()` returns `undefined`; if earlier input is still pending, they are
   * copied.
   */
  feed(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.#busy) {
      this.#queue ??= [];
      this.#queue.push(new Uint8Array(bytes));
    } else {
      this.#take(bytes);
    }
  }

  /** Copies the input that was not used yet. For a caller that stops before `next()` returned `undefined`. */
  keep(): void {
    if (this.#at < this.#chunk.length) this.#take(new Uint8Array(this.#chunk.subarray(this.#at)));
  }

  /**
   * The next token, or `undefined` after all input was used. Never throws.
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

  /** Whether the next byte is data in any case, unless it is IAC itself. */
  get allowsFastPath(): boolean {
    return (
      this.#state === State.DATA &&
      !this.#afterCarriageReturn &&
      this.#at >= this.#chunk.length &&
      this.#queue === undefined
    );
  }

  /**
   * Takes back the input that was not used yet: the bytes after the last token, and all chunks fed since. If the result
   * is one piece, it is a view of the caller's chunk.
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

  /** Bytes buffered for an unfinished subnegotiation: never more than the limit. */
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

  /** One run of data, or `undefined` if an IAC or a swallowed byte is next. */
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
      // The second IAC is data, and is joined with the data after it.
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

  /** Whether more data follows the run that ends at `end`, with only one byte in between that is not data. */
  #goesOn(end: number, iac: number): boolean {
    const next = end < iac ? end + 1 : end;
    return next < this.#chunk.length && (this.#chunk[next] !== IAC || this.#chunk[next + 1] === IAC);
  }

  #isSwallowed(byte: number): boolean {
    return byte === NUL || (byte === LF && this.#swallowsLineFeed);
  }

  /** The end of the run from `start`: after the first CR whose next byte is swallowed, or at `limit`. */
  #endOfKeys(start: number, limit: number): number {
    let cr = this.#findMark(CR, start);
    while (cr + 1 < limit) {
      if (this.#isSwallowed(this.#chunk[cr + 1]!)) return cr + 1;
      cr = this.#findMark(CR, cr + 1);
    }
    return limit;
  }

  /** The same if only NUL is swallowed. Searching for NUL is cheaper, because text has many CRs and no NUL. */
  #endOfText(start: number, limit: number): number {
    let nul = this.#findMark(NUL, start + 1);
    while (nul < limit) {
      if (this.#chunk[nul - 1] === CR) return nul;
      nul = this.#findMark(NUL, nul + 1);
    }
    return limit;
  }

  /** Upper bound for the end of data: the next IAC that is not the second one of a pair. */
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
