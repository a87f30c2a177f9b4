/** Standard input that is no terminal: a script, a file, another program. */
import type { Session } from '../../session/session.ts';
import { Keyboard } from './keyboard.ts';
import { Screen } from './screen.ts';

const CR = 0x0d;

/**
 * Sends standard input and shows what the server sends until the server closes. The end of the input is not told: servers
 * take it for the end of the connection, and would cut off what the last command still prints.
 *
 * @param local the character set to convert from and to; without it bytes pass as they are.
 */
export async function runPiped(session: Session, local: string | undefined): Promise<void> {
  new Screen(session, process.stdout, local);
  const keyboard = new Keyboard(session, local);
  let waits: Buffer = Buffer.alloc(0);
  const typed = (chunk: Buffer) => {
    const bytes = waits.length === 0 ? chunk : Buffer.concat([waits, chunk]);
    // Whether a CR at the end is that of a CR LF shows with what follows.
    waits = bytes.at(-1) === CR ? bytes.subarray(-1) : bytes.subarray(bytes.length);
    keyboard.text(bytes.subarray(0, bytes.length - waits.length));
    if (session.writableNeedDrain) process.stdin.pause();
  };
  const drained = () => process.stdin.resume();
  const ended = () => {
    if (waits.length > 0) keyboard.keys(waits);
  };
  session.on('drain', drained);
  process.stdin.on('data', typed).once('end', ended).resume();
  if (!session.closed) await new Promise<void>(resolve => session.once('close', resolve));
  process.stdin.off('data', typed).off('end', ended).pause();
}
