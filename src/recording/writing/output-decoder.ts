/**
 * Decodes the output of a session for a recording. Players are terminals, so output for a home computer becomes output
 * that draws its screen on one.
 */
import { decoder, type StreamDecoder } from '../../charset/index.ts';
import { MachineDisplay, machineOf } from '../../screen/machines/index.ts';

/** A decoder of output in a character set. */
export function outputDecoder(encoding: string): StreamDecoder {
  const machine = machineOf(encoding);
  if (machine === undefined) return decoder(encoding);
  const display = new MachineDisplay(machine, machine.columns, machine.rows);
  return { write: bytes => display.write(bytes), end: () => '' };
}
