/**
 * The recordings of a server in the page, for its operators: `recordings.json` is the list, and `recordings/NAME` a
 * file. The gateway has checked the user.
 *
 * A file is read in pieces, with Range, and each piece is read before it is sent: an answer never waits for the disk,
 * nothing stays open between two answers, and a browser that does not read occupies the memory of one piece.
 * Rejected: whole files, whose answers would need time limits of their own.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { headerOf } from './client.ts';
import { type ListedRecording, listRecordings, readRecording } from './recording-list.ts';
import { answer, answerJson, type Headers } from './responses.ts';

/** The path of the list, and the beginning of those of the files. */
export const RECORDING_LIST = 'recordings.json';
export const RECORDING_FILES = 'recordings/';

/** The longest piece, in bytes. */
const MOST_PIECE = 512 * 1024;
/** Answers at once. Above it, requests are refused. */
const MOST_ANSWERS = 16;
/** The longest text to search for, and of a fact in the list, in characters. */
const MOST_SEARCH = 200;
const MOST_TEXT = 300;
/** Controls, and characters that reorder or hide text. */
const UNFIT = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** The recordings in a directory. */
export class WebRecordings {
  readonly #directory: string;
  readonly #operators: ReadonlySet<string>;
  #answers = 0;

  constructor(directory: string, operators: readonly string[]) {
    this.#directory = directory;
    this.#operators = new Set(operators);
  }

  isOperator(user: string | undefined): boolean {
    return user !== undefined && this.#operators.has(user);
  }

  /**
   * Answers a request of an operator.
   *
   * @param path below the base.
   * @param opened called when the beginning of a recording is sent.
   */
  async respond(
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
    headers: Headers,
    opened: (name: string) => void,
  ): Promise<void> {
    if (response.destroyed) return;
    if (this.#answers >= MOST_ANSWERS) {
      answer(response, 503, 'too many requests for recordings at once; try again\n', {
        ...headers,
        'Retry-After': '1',
      });
      return;
    }
    this.#answers++;
    response.once('close', () => this.#answers--);
    if (path === RECORDING_LIST) await this.#list(request, response, headers);
    else await this.#piece(path.slice(RECORDING_FILES.length), request, response, headers, opened);
  }

  async #list({ url = '' }: IncomingMessage, response: ServerResponse, headers: Headers): Promise<void> {
    const query = new URLSearchParams(url.includes('?') ? url.slice(url.indexOf('?') + 1) : '');
    const search = (query.get('search') ?? '').slice(0, MOST_SEARCH);
    const { recordings, next } = await listRecordings(this.#directory, {
      before: query.get('before') ?? undefined,
      search,
    });
    answerJson(response, 200, { recordings: recordings.map(shown), next: next ?? null }, headers);
  }

  async #piece(
    name: string,
    request: IncomingMessage,
    response: ServerResponse,
    headers: Headers,
    opened: (name: string) => void,
  ): Promise<void> {
    const [, first, last] = /^bytes=(\d{1,15})-(\d{1,15})?$/.exec(headerOf(request, 'range') ?? '') ?? [];
    if (first === undefined) {
      answer(response, 400, 'request a piece of the file with the header Range: bytes=FIRST-LAST\n', headers);
      return;
    }
    const from = Number(first);
    const length = Math.min(MOST_PIECE, last === undefined ? MOST_PIECE : Number(last) - from + 1);
    const piece = length < 1 ? undefined : await readRecording(this.#directory, name, from, length);
    if (piece === undefined) {
      answer(response, 404, 'there is no such recording\n', headers);
      return;
    }
    const { bytes, size } = piece;
    if (bytes.length === 0) {
      answer(response, 416, 'the recording is shorter\n', { ...headers, 'Content-Range': `bytes */${size}` });
      return;
    }
    if (from === 0) opened(name);
    if (response.destroyed) return;
    response.writeHead(206, {
      ...headers,
      'Content-Type': 'application/octet-stream',
      'Content-Length': bytes.length,
      'Content-Range': `bytes ${from}-${from + bytes.length - 1}/${size}`,
      'Content-Disposition': `attachment; filename="${name}"`,
      'Cache-Control': 'no-store',
    });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  }
}

/** An entry of the list, as the page gets it. */
function shown({ name, started, duration, size, session, command, user, address }: ListedRecording): object {
  const text = (fact: string | undefined) => fact?.slice(0, MOST_TEXT).replace(UNFIT, '\ufffd') ?? null;
  const program = text(command);
  return {
    ...{ name, started: started.toISOString(), duration, size, session },
    ...{ program, user: text(user), address: text(address) },
  };
}
