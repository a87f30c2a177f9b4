import { Command, Option } from '../constants.ts';
import { find } from './find.ts';
import { Payload } from './payload.ts';
import { fault, type Token } from './token.ts';

const { IAC, SE, WILL, EOF } = Command;
const NOTHING = new Uint8Array(0);

/** Octets of a window size (RFC 1073). */
const SIZE_OCTETS = 4;

/** Position between IAC SB and IAC SE. */
const State = {
  OPTION: 0,
  OPTION_IAC: 1,
  PAYLOAD: 2,
  PAYLOAD_IAC: 3,
  MCCP1: 4,
  MCCP1_WILL: 5,
  LAST_SIZE_OCTET: 6,
} as const;

/** The kind of the bytes after those that were read. */
export const Follows = {
  /** More of the subnegotiation. */
  MORE: 0,
  /** Anything outside of a subnegotiation. */
  DATA: 1,
  /** The octet after an IAC. */
  COMMAND: 2,
} as const;

/**
 * The part of a {@link Parser} for the bytes between IAC SB and IAC SE (RFC 855). A payload that is in one piece in a
 * chunk is delivered as a view; otherwise it is collected, up to a limit.
 */
export class Subnegotiation {
  /** After {@link read}: the position of the first byte that was not read. */
  at = 0;
  /** After {@link read}: the kind of the byte at that position. */
  follows: (typeof Follows)[keyof typeof Follows] = Follows.MORE;
  readonly #limit: number;
  /** Allocated for the first payload that is not in one piece. */
  #payload: Payload | undefined;
  #state: (typeof State)[keyof typeof State] = State.OPTION;
  #option = 0;
  /**
   * The byte at the current position is the second IAC of a pair: payload, although it looks like the start of a
   * command.
   */
  #literal = false;

  /** @param limit maximum length of a payload, in bytes after undoing IAC IAC; a longer one is dropped as a whole */
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

  /**
   * Reads from `chunk` at `at`, which must be less than its length. Returns after each step, usually without a token.
   */
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
      case State.LAST_SIZE_OCTET:
        return this.#lastSizeOctet(octet);
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

  /** The octet after IAC SB IAC: the option code 255 is sent doubled, like any 255. */
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

  /** A run of payload. A payload that begins and ends in this chunk is delivered as a view. */
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
      if (this.#option === Option.NAWS && this.#payload?.size === SIZE_OCTETS - 1) {
        this.#state = State.LAST_SIZE_OCTET;
        return this.#append(Uint8Array.of(IAC));
      }
      this.at--;
      this.#literal = true;
      this.#state = State.PAYLOAD;
      return undefined;
    }
    if (octet !== SE) return this.#isSize(octet) ? this.#undoubled() : this.#unterminated(this.#option);
    return this.#end();
  }

  #end(): Token | undefined {
    const dropped = this.#payload?.dropped ?? false;
    const payload = this.#payload?.take() ?? NOTHING;
    this.follows = Follows.DATA;
    return dropped ? undefined : { kind: 'subnegotiation', option: this.#option, payload };
  }

  /**
   * Whether an IAC and `octet` are a part of a window size whose 255 is not doubled. Some clients double no 255
   * (WinTin++, QMud), and a window of 255 columns is common enough: the rest of the size would be input of the program.
   * An octet below EOF is not a command, and a size has four octets. So a subnegotiation whose end was lost swallows
   * nothing.
   */
  #isSize(octet: number): boolean {
    return this.#option === Option.NAWS && octet < EOF && (this.#payload?.size ?? 0) < SIZE_OCTETS - 1;
  }

  /** The IAC was data, and the octet after it is payload. */
  #undoubled(): Token | undefined {
    this.at--;
    this.#state = State.PAYLOAD;
    return this.#append(Uint8Array.of(IAC));
  }

  /**
   * The octet after IAC IAC at the end of a window size. If it is SE, the client does not double 255: the second IAC
   * was that of IAC SE. Otherwise the pair was the last octet of the size, and more follows.
   */
  #lastSizeOctet(octet: number): Token | undefined {
    if (octet === SE) return this.#end();
    this.at--;
    this.#state = State.PAYLOAD;
    return undefined;
  }

  /**
   * The first version of MCCP announces compression by `IAC SB MCCP1 WILL SE`, without an IAC before SE. Waiting for
   * IAC SE would swallow the session up to the next one. So exactly these two octets end the subnegotiation, and its
   * payload is WILL, as it would be with the IAC. Any other payload of MCCP1 is framed according to RFC 855.
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
   * IAC inside a subnegotiation, followed by neither IAC nor SE. RFC 855 does not allow it: either the end of the
   * subnegotiation was lost, or the peer does not double 255. Collecting more bytes would swallow the session up to the
   * next IAC SE. So the subnegotiation is dropped and the command is obeyed, since outside of a subnegotiation it is a
   * valid command.
   */
  #unterminated(option: number | undefined): Token | undefined {
    const reported = this.#payload?.dropped ?? false;
    this.#payload?.take();
    this.at--;
    this.follows = Follows.COMMAND;
    return reported ? undefined : fault('unterminated-subnegotiation', 'a subnegotiation without IAC SE', option);
  }
}
