/**
 * The files of the page. They are listed and read once, and a request gets a file of this list or none: no part of a
 * request becomes a path.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { TelptyError } from '../errors.ts';
import { ownPackage } from '../package.ts';
import { headerOf } from './client.ts';
import type { Headers } from './responses.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
};
/** Types that are compressed already. */
const DENSE = new Set(['.png', '.ico', '.woff2']);
/** Files that are smaller than this, in bytes, are not compressed. */
const SMALL = 1024;
/** A page with more files, or larger ones, is a mistake: a home directory, for example. */
const MOST_FILES = 1_000;
const MOST_BYTES = 32 * 1024 * 1024;
/**
 * A name with a hash, as bundlers make it: its content never changes. esbuild writes it in base32, webpack in
 * hexadecimal digits, Vite in base64. Words, such as `-settings` and `-unicode11`, must not match: browsers would never
 * load a newer version.
 */
const HASHED =
  /[-.](?:[A-Z2-7]{8}|(?=[a-f]*\d)(?=\d*[a-f])[\da-f]{8,}|(?=\w*\d)(?=\w*[a-z])(?=\w*[A-Z])\w{8})\.[a-z0-9]+$/;

const compress = {
  br: (content: Buffer) => promisify(brotliCompress)(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
  gzip: (content: Buffer) => promisify(gzip)(content),
};
type Coding = keyof typeof compress;

/** The folder of the page that belongs to telpty. */
export function ownPage(): string {
  return join(ownPackage()?.root ?? '.', 'dist', 'web', 'page');
}

/** One file of the page. */
class PageFile {
  readonly #content: Buffer;
  readonly #type: string;
  readonly #isDense: boolean;
  readonly #caching: string;
  readonly #tag: string;
  readonly #compressed = new Map<Coding, Promise<Buffer>>();

  constructor(name: string, content: Buffer) {
    const extension = extname(name).toLowerCase();
    this.#content = content;
    this.#type = TYPES[extension] ?? 'application/octet-stream';
    this.#isDense = DENSE.has(extension) || content.length < SMALL;
    this.#caching = HASHED.test(name) ? 'public, max-age=31536000, immutable' : 'no-cache';
    this.#tag = createHash('sha256').update(content).digest('base64url').slice(0, 22);
  }

  async send(request: IncomingMessage, response: ServerResponse, headers: Headers): Promise<void> {
    const coding = this.#isDense ? undefined : accepted(headerOf(request, 'accept-encoding') ?? '');
    const tag = `"${this.#tag}${coding ?? ''}"`;
    const common = { ...headers, 'Cache-Control': this.#caching, ETag: tag, Vary: 'Accept-Encoding' };
    if (
      headerOf(request, 'if-none-match')
        ?.split(/\s*,\s*/)
        .includes(tag)
    ) {
      response.writeHead(304, common).end();
      return;
    }
    const body = coding === undefined ? this.#content : await this.#in(coding);
    if (response.destroyed) return;
    response.writeHead(200, {
      ...common,
      'Content-Type': this.#type,
      'Content-Length': body.length,
      ...(coding === undefined ? {} : { 'Content-Encoding': coding }),
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  /** Compressed once, at the first request. */
  #in(coding: Coding): Promise<Buffer> {
    let body = this.#compressed.get(coding);
    if (body === undefined) {
      body = compress[coding](this.#content);
      this.#compressed.set(coding, body);
    }
    return body;
  }
}

/** The codings are compared as words: `gzip;q=0` is rare enough. */
function accepted(header: string): Coding | undefined {
  const codings = header.split(',').map(coding => coding.trim().split(/\s*;/)[0]);
  return codings.includes('br') ? 'br' : codings.includes('gzip') ? 'gzip' : undefined;
}

/** The files of a page by their paths, relative to the base; `''` is the page itself. */
export class PageFiles {
  readonly #files = new Map<string, PageFile>();

  /** @throws TelptyError `ERR_RUNTIME` if the folder cannot be read or is not a page. */
  constructor(folder: string) {
    for (const [name, content] of filesIn(folder)) {
      const file = new PageFile(name, content);
      this.#files.set(name, file);
      if (name === 'index.html') this.#files.set('', file);
    }
    if (!this.#files.has('')) throw unusable(folder, 'has no index.html');
  }

  find(path: string): PageFile | undefined {
    return this.#files.get(path);
  }
}

function* filesIn(folder: string): Generator<[name: string, content: Buffer]> {
  let bytes = 0;
  let count = 0;
  try {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath ?? entry.path, entry.name);
      const content = readFileSync(path);
      bytes += content.length;
      if (++count > MOST_FILES || bytes > MOST_BYTES) break;
      yield [relative(folder, path).split(sep).join('/'), content];
    }
  } catch (cause) {
    throw unusable(folder, `cannot be read (${(cause as NodeJS.ErrnoException).code})`, cause);
  }
  if (count > MOST_FILES || bytes > MOST_BYTES) throw unusable(folder, 'has too many files for a page');
}

function unusable(folder: string, why: string, cause?: unknown): TelptyError {
  return new TelptyError('ERR_RUNTIME', `the folder of the page, ${folder}, ${why}`, { file: folder, cause });
}
