import { CMD, OPT } from '../format/telnet-codes.ts';
import type { WireEvent } from '../format/telnet-parser.ts';

/** What the scripted client of `Wire` is and has. An option that is not given is refused. */
export interface ClientScript {
  /** Terminal types in the order of RFC 1091; the last one is repeated, then the cycle starts again. */
  ttype?: readonly string[];
  /** Columns and rows; `Wire.resize` changes them later. */
  size?: readonly [cols: number, rows: number];
  /** Variables for NEW_ENVIRON (and old ENVIRON is refused). Well-known names go as VAR, others as USERVAR. */
  environ?: Readonly<Record<string, string>>;
  /**
   * A name: accept it when offered, reject the request otherwise. `refuse`: refuse the option. `reject`: every request.
   */
  charset?: string | 'refuse' | 'reject';
  /** Options refused whatever the rest says, on both sides. */
  refuse?: readonly number[];
  /** Options agreed to beyond the usual (ECHO, SGA and BINARY from the server; SGA and BINARY from us). */
  accept?: readonly number[];
  /** Answer nothing at all, not even with a refusal. */
  silent?: boolean;
}

const TTYPE_IS = 0;
const SEND = 1;
const ENV = { IS: 0, VAR: 0, VALUE: 1, ESC: 2, USERVAR: 3 } as const;
const CHARSET = { REQUEST: 1, ACCEPTED: 2, REJECTED: 3 } as const;
const WELL_KNOWN = new Set(['USER', 'JOB', 'ACCT', 'PRINTER', 'SYSTEMTYPE', 'DISPLAY']);

/** `IAC SB option payload IAC SE`, with 255 doubled. */
export function subnegotiation(option: number, payload: Uint8Array | readonly number[]): Buffer {
  const bytes: number[] = [CMD.IAC, CMD.SB, option];
  for (const byte of payload) {
    bytes.push(byte);
    if (byte === CMD.IAC) bytes.push(CMD.IAC);
  }
  bytes.push(CMD.IAC, CMD.SE);
  return Buffer.from(bytes);
}

/** `IAC SB NAWS cols rows IAC SE`. */
export function naws(cols: number, rows: number): Buffer {
  return subnegotiation(OPT.NAWS, [cols >> 8, cols & 255, rows >> 8, rows & 255]);
}

/** Answers negotiation as a good client would, each change of state once. It proposes nothing by itself. */
export class WellBehaved {
  readonly #script: ClientScript;
  readonly #send: (bytes: Uint8Array) => void;
  /** Options in force: ours (we said WILL) and theirs (we said DO). */
  readonly ours = new Set<number>();
  readonly theirs = new Set<number>();
  readonly #proposedOurs = new Set<number>();
  readonly #proposedTheirs = new Set<number>();
  #ttypeAt = 0;
  size: readonly [number, number] | undefined;

  constructor(script: ClientScript, send: (bytes: Uint8Array) => void) {
    this.#script = script;
    this.#send = send;
    this.size = script.size;
  }

  event(event: WireEvent): void {
    if (this.#script.silent) return;
    if (event.type === 'negotiate') this.#negotiate(event.command, event.option);
    else if (event.type === 'subnegotiation') this.#subnegotiation(event.option, event.payload);
  }

  /** Proposes an option for our side (WILL) or theirs (DO); in force when the peer agrees. */
  propose(command: number, option: number): void {
    const own = command === CMD.WILL;
    if ((own ? this.ours : this.theirs).has(option)) return;
    (own ? this.#proposedOurs : this.#proposedTheirs).add(option);
    this.#send(Buffer.from([CMD.IAC, command, option]));
  }

  #negotiate(command: number, option: number): void {
    const own = command === CMD.DO || command === CMD.DONT;
    const enabled = own ? this.ours : this.theirs;
    if ((own ? this.#proposedOurs : this.#proposedTheirs).delete(option)) {
      // The answer to our proposal: taken note of, not answered.
      if (command === CMD.DO || command === CMD.WILL) enabled.add(option);
      return;
    }
    const [yes, no] = own ? [CMD.WILL, CMD.WONT] : [CMD.DO, CMD.DONT];
    if (command === CMD.DONT || command === CMD.WONT) {
      if (enabled.delete(option)) this.#send(Buffer.from([CMD.IAC, no, option]));
      return;
    }
    if (enabled.has(option)) return;
    if (!(own ? this.#willDo(option) : this.#wants(option))) {
      this.#send(Buffer.from([CMD.IAC, no, option]));
      return;
    }
    enabled.add(option);
    this.#send(Buffer.from([CMD.IAC, yes, option]));
    if (own && option === OPT.NAWS && this.size) this.#send(naws(...this.size));
  }

  #willDo(option: number): boolean {
    const script = this.#script;
    if (script.refuse?.includes(option)) return false;
    if (script.accept?.includes(option)) return true;
    if (option === OPT.SGA || option === OPT.BINARY) return true;
    if (option === OPT.TTYPE) return script.ttype !== undefined;
    if (option === OPT.NAWS) return this.size !== undefined;
    if (option === OPT.NEW_ENVIRON) return script.environ !== undefined;
    return option === OPT.CHARSET && script.charset !== undefined && script.charset !== 'refuse';
  }

  #wants(option: number): boolean {
    const script = this.#script;
    if (script.refuse?.includes(option)) return false;
    if (script.accept?.includes(option)) return true;
    if (option === OPT.ECHO || option === OPT.SGA || option === OPT.BINARY) return true;
    return option === OPT.CHARSET && script.charset !== undefined && script.charset !== 'refuse';
  }

  #subnegotiation(option: number, payload: Buffer): void {
    if (option === OPT.TTYPE && payload[0] === SEND) this.#sendTtype();
    else if (option === OPT.NEW_ENVIRON && payload[0] === SEND) this.#sendEnviron(payload.subarray(1));
    else if (option === OPT.CHARSET && payload[0] === CHARSET.REQUEST) this.#answerCharset(payload.subarray(1));
  }

  #sendTtype(): void {
    const names = this.#script.ttype ?? [];
    const name = names[Math.min(this.#ttypeAt, names.length - 1)] ?? 'UNKNOWN';
    this.#ttypeAt = this.#ttypeAt >= names.length ? 0 : this.#ttypeAt + 1;
    this.#send(subnegotiation(OPT.TTYPE, [TTYPE_IS, ...Buffer.from(name)]));
  }

  #sendEnviron(request: Buffer): void {
    const have = this.#script.environ ?? {};
    const kindOf = (name: string): number => (WELL_KNOWN.has(name) ? ENV.VAR : ENV.USERVAR);
    const escaped = (text: string): number[] => [...Buffer.from(text)].flatMap(b => (b <= 3 ? [ENV.ESC, b] : [b]));
    const payload: number[] = [ENV.IS];
    const tell = (kind: number, name: string): void => {
      payload.push(kind, ...escaped(name));
      const value = have[name];
      if (value !== undefined) payload.push(ENV.VALUE, ...escaped(value));
    };
    const asked = parseEnvironRequest(request);
    if (asked.length === 0) asked.push({ kind: ENV.VAR, name: '' }, { kind: ENV.USERVAR, name: '' });
    for (const { kind, name } of asked) {
      if (name !== '') tell(kind, name);
      else for (const known of Object.keys(have)) if (kindOf(known) === kind) tell(kind, known);
    }
    this.#send(subnegotiation(OPT.NEW_ENVIRON, payload));
  }

  #answerCharset(request: Buffer): void {
    // REQUEST [ "[TTABLE]" version ] separator name separator name …
    const body = request.subarray(0, 8).toString('latin1') === '[TTABLE]' ? request.subarray(9) : request;
    const names = body
      .subarray(1)
      .toString('latin1')
      .split(String.fromCharCode(body[0] ?? 59));
    const wanted = this.#script.charset?.toLowerCase();
    const found = names.find(name => name.toLowerCase() === wanted);
    const answer = found === undefined ? [CHARSET.REJECTED] : [CHARSET.ACCEPTED, ...Buffer.from(found)];
    this.#send(subnegotiation(OPT.CHARSET, answer));
  }
}

function parseEnvironRequest(request: Buffer): { kind: number; name: string }[] {
  const asked: { kind: number; name: string }[] = [];
  for (let at = 0; at < request.length; at++) {
    const byte = request[at]!;
    if (byte === ENV.VAR || byte === ENV.USERVAR) asked.push({ kind: byte, name: '' });
    else {
      const last = asked.at(-1);
      if (last) last.name += String.fromCharCode(byte === ENV.ESC ? (request[++at] ?? 0) : byte);
    }
  }
  return asked;
}
