/** The recordings of the server: the list, and the files, which are read in pieces. */
import { TelptyError } from '../../../src/errors.ts';
import { decoderFor, type Recording, recordingFrom } from '../../../src/recording/recording-reader.ts';
import { tokenOf } from '../connection/gateway.ts';

/** A recording in the list. */
export interface RecordingEntry {
  /** The name of the file. */
  readonly name: string;
  /** The time of its beginning, as in ISO 8601. */
  readonly started: string;
  /** In seconds. */
  readonly duration: number;
  /** In bytes. */
  readonly size: number;
  /** The number of the session. */
  readonly session: number;
  readonly program: string | null;
  readonly user: string | null;
  readonly address: string | null;
}

/** A part of the list, the newest recording first. */
export interface RecordingPage {
  readonly recordings: readonly RecordingEntry[];
  /** The value of `before` for the next part; null at the end. */
  readonly next: string | null;
}

/** A request that failed. */
export class RequestError extends TelptyError {
  /** The status of HTTP; 0 if the server could not be reached. */
  readonly status: number;

  constructor(status: number) {
    super('ERR_RUNTIME', MESSAGES[status] ?? `The server refused the request (${status}).`);
    this.status = status;
  }
}

const MESSAGES: Readonly<Record<number, string>> = {
  0: 'The server cannot be reached.',
  401: 'Log in to see recordings.',
  403: 'Only operators of this server can see recordings.',
  404: 'This recording does not exist, or was deleted.',
  503: 'The server is busy. Try again.',
};

/** The server refuses requests while it has too many. They are made again after a pause. */
const ATTEMPTS = 10;
const PAUSE_MS = 500;

/** The size of the pieces in bytes; the server sends at most this much at once. */
const PIECE = 512 * 1024;
/** Output is interpreted in smaller pieces, so that the page stays responsive. */
const SLICE = 64 * 1024;
/** The number of pieces that are kept: the player reads a recording ahead. */
const KEPT = 64;

/** Requests a part of the list. */
export async function fetchRecordings(base: URL, search: string, before: string | null): Promise<RecordingPage> {
  const url = new URL('recordings.json', base);
  if (search !== '') url.searchParams.set('search', search);
  if (before !== null) url.searchParams.set('before', before);
  return (await request(base, url)).json() as Promise<RecordingPage>;
}

/** Opens a recording. */
export async function openRemote(base: URL, name: string): Promise<Recording> {
  const pieces = new Pieces(base, name);
  const start = await pieces.first();
  return recordingFrom({ file: name, read: offset => pieces.from(offset) }, () => decoderFor(start));
}

interface Piece {
  readonly bytes: Uint8Array;
  /** The size of the file. */
  readonly size: number;
}

class Pieces {
  readonly #base: URL;
  readonly #url: URL;
  /** By their number, in the order of their use. */
  readonly #kept = new Map<number, Promise<Piece>>();

  constructor(base: URL, name: string) {
    this.#base = base;
    this.#url = new URL(`recordings/${encodeURIComponent(name)}`, base);
  }

  async first(): Promise<Uint8Array> {
    return (await this.#piece(0)).bytes;
  }

  async *from(offset: number): AsyncGenerator<Uint8Array> {
    let at = offset;
    for (;;) {
      const number = Math.floor(at / PIECE);
      const { bytes, size } = await this.#piece(number);
      const end = number * PIECE + bytes.length;
      if (at >= size) return;
      // The file is shorter than before: it was replaced.
      if (at >= end) throw new RequestError(404);
      while (at < end) {
        const from = at - number * PIECE;
        const slice = bytes.subarray(from, from + SLICE);
        at += slice.length;
        yield slice;
      }
    }
  }

  #piece(number: number): Promise<Piece> {
    const piece = this.#kept.get(number) ?? this.#request(number);
    this.#kept.delete(number);
    this.#kept.set(number, piece);
    if (this.#kept.size > KEPT) this.#kept.delete(this.#kept.keys().next().value!);
    piece.catch(() => this.#kept.delete(number));
    return piece;
  }

  async #request(number: number): Promise<Piece> {
    const from = number * PIECE;
    const response = await request(this.#base, this.#url, { Range: `bytes=${from}-${from + PIECE - 1}` });
    const size = Number(response.headers.get('content-range')?.split('/')[1]);
    if (response.status === 416) return { bytes: new Uint8Array(), size };
    return { bytes: new Uint8Array(await response.arrayBuffer()), size };
  }
}

async function request(base: URL, url: URL, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  const token = tokenOf(base);
  const all = token === undefined ? headers : { ...headers, 'Telpty-Token': token };
  for (let attempt = 1; ; attempt++) {
    const init = { cache: 'no-store', credentials: 'same-origin', headers: all } as const;
    const response = await fetch(url, init).catch(() => undefined);
    if (response?.ok || response?.status === 416) return response;
    if (response?.status !== 503 || attempt === ATTEMPTS) throw new RequestError(response?.status ?? 0);
    await new Promise(resolve => setTimeout(resolve, PAUSE_MS));
  }
}
