import { Command, Option } from '../constants.ts';
import { find } from './find.ts';
import { Payload } from './payload.ts';
import { fault, type Token } from './token.ts';

const { IAC, SE, WILL } = Command;
const NOTHING = new Uint8Array(0);

/** Where inside of IAC SB … IAC SE the next byte stands. */
const State = {
  OPTION: 0,
  OPTION_IAC: 1,
  PAYLOAD: 2,
  PAYLOAD_IAC: 3,
  MCCP1: 4,
  MCCP1_WILL: 5,
} as const;

/** What comes behind the bytes that were read. */
export const Follows = {
  /** More of the subnegotiation. */
  MORE: 0,
  /** Data, or whatever else. */
  DATA: 1,
  /** An octet that stands behind an IAC. */
  COMMAND: 2,
} as const;

/**
 * The part of a {@link Parser} that stands between IAC SB and IAC SE (RFC 855). A payload is delivered as a view where it lies
 * in one piece in a chunk, else it is collected, up to a limit.
 */
export class Subnegotiation {
  /** After {@link read}: the place of the first byte that was not read. */
  at = 0;
  /** After {@link read}: what stands there. */
  follows: (typeof Follows)[keyof typeof Follows] = Follows.MORE;
  readonly #limit: number;
  /** Made for those that do not lie in one piece. */
  #payload: Payload | undefined;
  #state: (typeof State)[keyof typeof State] = State.OPTION;
  #option = 0;
  /** The byte at the place is the second IAC of a pair: payload, although it looks like a command. */
  #literal = false;

  /** @param limit the longest payload, in bytes after undoing IAC IAC; a longer one is dropped whole */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Memory held, in bytes: never more than the limit. */
  get held(): number {
    return this.#payload?.held ?? 0;
  }

  /** IAC SB has been read. */
  begin(): void {
    this.#state = State.OPTION;
  }

  /** Reads on in `chunk` at `at`, where there is at least one byte, up to where something has come of it. */
  read(chunk: Uint8Array, at: number): Token | undefined {
    this.follows = Follows.MORE;
    if (this.#state === State.PAYLOAD) return this.#collect(chunk, at);
    const octet = chunk[at]!;
    this.at = at + 1;
    switch (this.#state) {
      case State.OPTION:
        this.#begin(octet);
        return undefined;
      case State.PAYLOAD_IAC:
        return this.#escapedPayload(octet);
      case State.OPTION_IAC:
        return this.#escapedOption(octet);
      case State.MCCP1:
      case State.MCCP1_WILL:
        return this.#mccp1(octet);
    }
  }

  #begin(option: number): void {
    if (option === IAC) {
      this.#state = State.OPTION_IAC;
      return;
    }
    this.#option = option;
    this.#state = option === Option.MCCP1 ? State.MCCP1 : State.PAYLOAD;
  }

  /** The octet after IAC SB IAC: the option 255 is sent doubled, like any 255. */
  #escapedOption(octet: number): Token | undefined {
    if (octet === IAC) {
      this.#option = IAC;
      this.#state = State.PAYLOAD;
      return undefined;
    }
    if (octet === SE) {
      this.follows = Follows.DATA;
      return fault('empty-subnegotiation', 'a subnegotiation without an option');
    }
    return this.#unterminated(undefined);
  }

  /** A run of payload. One that ends in this chunk and began in it is delivered as a view. */
  #collect(chunk: Uint8Array, start: number): Token | undefined {
    const end = find(chunk, IAC, this.#literal ? start + 1 : start);
    this.#literal = false;
    const isBegun = this.#payload !== undefined && (this.#payload.size > 0 || this.#payload.dropped);
    if (!isBegun && chunk[end + 1] === SE && end - start <= this.#limit) {
      this.at = end + 2;
      this.follows = Follows.DATA;
      return { kind: 'subnegotiation', option: this.#option, payload: chunk.subarray(start, end) };
    }
    this.at = end;
    if (end < chunk.length) {
      this.at++;
      this.#state = State.PAYLOAD_IAC;
    }
    return this.#append(chunk.subarray(start, end));
  }

  /** The octet after an IAC in a payload. */
  #escapedPayload(octet: number): Token | undefined {
    if (octet === IAC) {
      this.at--;
      this.#literal = true;
      this.#state = State.PAYLOAD;
      return undefined;
    }
    if (octet !== SE) return this.#unterminated(this.#option);
    const dropped = this.#payload?.dropped ?? false;
    const payload = this.#payload?.take() ?? NOTHING;
    this.follows = Follows.DATA;
    return dropped ? undefined : { kind: 'subnegotiation', option: this.#option, payload };
  }

  /**
   * The first version of MCCP announces compression by `IAC SB MCCP1 WILL SE`, with no IAC before SE. To wait for one would
   * swallow the session up to the next IAC SE, so these two octets, and no others, end the subnegotiation; its payload is
   * WILL, as it would be with the IAC. Anything else after MCCP1 is framed as RFC 855 has it.
   */
  #mccp1(octet: number): Token | undefined {
    if (this.#state === State.MCCP1 && octet === WILL) {
      this.#state = State.MCCP1_WILL;
      return undefined;
    }
    const afterWill = this.#state === State.MCCP1_WILL;
    if (afterWill && octet === SE) {
      this.follows = Follows.DATA;
      return { kind: 'subnegotiation', option: this.#option, payload: Uint8Array.of(WILL) };
    }
    this.at--;
    this.#state = State.PAYLOAD;
    return afterWill ? this.#append(Uint8Array.of(WILL)) : undefined;
  }

  #append(run: Uint8Array): Token | undefined {
    this.#payload ??= new Payload(this.#limit);
    if (this.#payload.append(run)) return undefined;
    return fault('subnegotiation-too-long', `a subnegotiation of more than ${this.#limit} bytes`, this.#option);
  }

  /**
   * IAC and neither IAC nor SE inside a subnegotiation. RFC 855 has no such thing, so its end was lost, or the peer does
   * not double 255. To go on collecting would swallow the session up to the next IAC SE, so the subnegotiation is
   * dropped, and the command, which is what the peer means by all rules outside, is obeyed.
   */
  #unterminated(option: number | undefined): Token | undefined {
    const reported = this.#payload?.dropped ?? false;
    this.#payload?.take();
    this.at--;
    this.follows = Follows.COMMAND;
    return reported ? undefined : fault('unterminated-subnegotiation', 'a subnegotiation without IAC SE', option);
  }
}
