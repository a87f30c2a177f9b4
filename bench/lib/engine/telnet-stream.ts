/** npm's telnet-stream, if it can be resolved (NODE_PATH is searched); it is not a dependency. */
import { once } from 'node:events';
import { createRequire } from 'node:module';
import type { Transform } from 'node:stream';
import { produced } from './protocol.ts';

type Kind = 'TelnetInput' | 'TelnetOutput';

let found: Record<Kind, new () => Transform> | undefined;
try {
  found = createRequire(import.meta.url)('telnet-stream');
} catch {
  // Not here.
}

export const hasTelnetStream = found !== undefined;

/** One of its streams, with everything that comes out of it counted. */
export function newStream(kind: Kind): Transform {
  const stream = new found![kind]();
  stream.on('data', (bytes: Buffer) => {
    produced.bytes += bytes.length;
  });
  return stream;
}

/** Writes as a pipe does. */
export async function feed(stream: Transform, chunks: readonly Buffer[]): Promise<void> {
  for (const chunk of chunks) if (!stream.write(chunk)) await once(stream, 'drain');
}
