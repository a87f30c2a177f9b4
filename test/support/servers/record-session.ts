/** Records one session of a program. */
import assert from 'node:assert/strict';
import { ptyShell, type RecordingEnd, type RecordOptions, record } from '../../../src/index.ts';
import { endRecorderThread } from '../../../src/recording/writing/recorder.ts';
import type { Wire, WireOptions } from '../clients/test-client.ts';
import { Host } from './host.ts';

/**
 * @param visit what the client does; then the program has to end.
 * @returns the file.
 */
export async function recordSession(
  [program, ...args]: readonly [string, ...string[]],
  options: RecordOptions,
  wireOptions: WireOptions,
  visit: (wire: Wire) => Promise<void> = async () => {},
): Promise<string> {
  let resolve!: (end: RecordingEnd) => void;
  const ended = new Promise<RecordingEnd>(done => {
    resolve = done;
  });
  const use = [record({ quietly: true, ...options, onEnd: (_session, end) => resolve(end) })];
  await using host = await Host.start({ shell: ptyShell(program, args, { encoding: 'utf-8' }), use });
  const wire = await host.connect(wireOptions);
  await visit(wire);
  await wire.untilClose();
  const { file, error } = await ended;
  assert.equal(error, undefined);
  // It would last as long as the process.
  await endRecorderThread();
  return file!;
}
