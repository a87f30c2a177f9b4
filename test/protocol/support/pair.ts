import type { OptionDefinition } from '../../../src/protocol/index.ts';
import { Recorder } from './recorder.ts';

/** Two engines that are connected to each other synchronously, each called by the other. */
export function pair(
  server: readonly OptionDefinition[],
  client: readonly OptionDefinition[],
): { server: Recorder; client: Recorder } {
  const ends = { server: new Recorder(server, 'key'), client: new Recorder(client, 'text') };
  ends.server.wire = bytes => ends.client.telnet.receive(bytes);
  ends.client.wire = bytes => ends.server.telnet.receive(bytes);
  return ends;
}

/** An engine with one option, which the peer has enabled on the side that is allowed. */
export function enabled(definition: OptionDefinition): Recorder {
  const recorder = new Recorder([definition]);
  recorder.telnet.receive(Uint8Array.of(255, definition.remote ? 251 : 253, definition.code));
  recorder.take();
  return recorder;
}

/** IAC SB code payload IAC SE, 255 doubled. */
export function framed(code: number, payload: Iterable<number>): Uint8Array {
  const body = Array.from(payload).flatMap(octet => (octet === 255 ? [255, 255] : [octet]));
  return Uint8Array.from([255, 250, code, ...body, 255, 240]);
}
