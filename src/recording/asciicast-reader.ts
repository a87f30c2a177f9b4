/** Reads recordings in asciicast v2. Other programs write them too, so their contents are not trusted. */
import { TelptyError } from '../errors.ts';

export interface RecordingEvent {
  /** Seconds since the beginning. */
  readonly time: number;
  /** `o`: output; `r`: a new size, as `80x24`; others, such as `i` and `m`, are not shown. */
  readonly type: string;
  readonly data: string;
}

export interface Recording {
  readonly columns: number;
  readonly rows: number;
  readonly events: readonly RecordingEvent[];
}

/**
 * @param name of the file, for the error.
 * @throws TelptyError `ERR_RUNTIME` with the number of the invalid line
 */
export function parseAsciicast(text: string, name: string): Recording {
  const [header = '', ...lines] = text.split('\n');
  const fail = (line: number, problem: string) =>
    new TelptyError('ERR_RUNTIME', `${name}:${line}: ${problem}; a recording is a file in asciicast v2`, {
      file: name,
    });
  const { version, width, height } = (parsed(header) ?? {}) as Record<string, unknown>;
  if (version !== 2) throw fail(1, 'not a header with "version": 2');
  if (!isSize(width) || !isSize(height)) throw fail(1, '"width" and "height" must be whole numbers from 1 to 65535');
  const events: RecordingEvent[] = [];
  for (const [index, line] of lines.entries()) {
    if (line === '') continue;
    const event = parsed(line);
    if (!isEvent(event)) {
      // A process that was killed during a write leaves an incomplete last line.
      if (index === lines.length - 1) break;
      throw fail(index + 2, 'not an event [seconds, type, data]');
    }
    events.push({ time: event[0], type: event[1], data: event[2] });
  }
  return { columns: width, rows: height, events };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

const isSize = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) > 0 && Number(value) < 65_536;

function isEvent(value: unknown): value is [number, string, string] {
  return (
    Array.isArray(value) && Number.isFinite(value[0]) && typeof value[1] === 'string' && typeof value[2] === 'string'
  );
}
