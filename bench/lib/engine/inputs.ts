/** Input for the engine: the same on every machine. */

/** What one read of a socket gives at most. */
export const CHUNK = 64 * 1024;

export interface Input {
  readonly name: string;
  /** As a program prints it; in chunks. */
  readonly plain: readonly Buffer[];
  /** As it comes over the wire: 255 doubled, and CR before anything but LF followed by NUL. */
  readonly wire: readonly Buffer[];
}

const IAC = 255;
const CR = 13;
const LF = 10;

/** xorshift32: numbers from 0 to 2^32 - 1. */
function generator(): () => number {
  let state = 0x9e3779b9;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

function text(random: () => number): string {
  const length = 20 + (random() % 100);
  return `${Array.from({ length }, () => String.fromCharCode(random() % 6 === 0 ? 32 : 33 + (random() % 94))).join('')}\r\n`;
}

function ansi(random: () => number): string {
  const words = ['─', '│', '█', '中', '文', '한', '😀', 'é', 'λ', 'ok', 'src/main.c', ' ', ' ', 'error:', '42'];
  const run = () => `\x1b[38;5;${random() % 256}m${words[random() % 15]}${words[random() % 15]}\x1b[0m`;
  return `${Array.from({ length: 4 + (random() % 12) }, run).join('')}\r\n`;
}

function lines(line: (random: () => number) => string, size: number): Buffer {
  const random = generator();
  const parts: string[] = [];
  for (let length = 0; length < size; ) {
    const part = line(random);
    parts.push(part);
    length += part.length;
  }
  return Buffer.from(parts.join('')).subarray(0, size);
}

function bytes(size: number): Buffer {
  const random = generator();
  const out = Buffer.alloc(size);
  for (let at = 0; at < size; at++) out[at] = random() >>> 8;
  return out;
}

/** Written here once more, plainly, instead of with the engine that is measured. */
function toWire(plain: Buffer): Buffer {
  const out: number[] = [];
  plain.forEach((byte, at) => {
    out.push(byte);
    if (byte === IAC) out.push(IAC);
    if (byte === CR && plain[at + 1] !== LF) out.push(0);
  });
  return Buffer.from(out);
}

function chunks(whole: Buffer): Buffer[] {
  const out: Buffer[] = [];
  // Each a memory of its own, as a socket's are.
  for (let at = 0; at < whole.length; at += CHUNK)
    out.push(Buffer.from(new Uint8Array(whole.subarray(at, at + CHUNK)).buffer));
  return out;
}

export function makeInputs(size: number): Input[] {
  const plain: Record<string, Buffer> = {
    text: lines(text, size),
    ANSI: lines(ansi, size),
    random: bytes(size),
    'all IAC': Buffer.alloc(size, IAC),
  };
  return Object.entries(plain).map(([name, whole]) => ({ name, plain: chunks(whole), wire: chunks(toWire(whole)) }));
}
