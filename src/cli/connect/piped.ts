/** Standard input that is no terminal: a script, a file, another program. */
import { openSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import type { Session } from '../../session/session.ts';
import { SILENT } from './discipline.ts';
import { KeyReader } from './keys/key-reader.ts';
import { Keyboard } from './keys/keyboard.ts';
import { handleSignals, isForeground, stopSelf } from './signals.ts';
import { LocalTerminal } from './terminal/local-terminal.ts';
import { openOutput, type TerminalOutput } from './terminal/output.ts';
import { type Output, Screen } from './terminal/screen.ts';

const CR = 0x0d;

/**
 * Sends standard input and shows what the server sends until the server closes. The end of the input is not told: servers
 * take it for the end of the connection, and would cut off what the last command still prints.
 *
 * @param local the character set of this end
 * @param converts whether to convert from and to that; else bytes pass as they are.
 */
export async function runPiped(session: Session, local: string, converts: boolean): Promise<void> {
  const charset = converts ? local : undefined;
  const output = process.stdout.isTTY ? openOutput(local) : undefined;
  new Screen(session, output ?? PLAIN_OUTPUT, charset);
  const forget = output === undefined ? () => {} : guard(output);
  const keyboard = new Keyboard(session, charset);
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
  if (output !== undefined) await dropAnswers(output);
  forget();
}

/** What is read by a program, or kept in a file, is left as it comes. */
const PLAIN_OUTPUT: Output = {
  write: bytes => process.stdout.write(bytes),
  get needsDrain() {
    return process.stdout.writableNeedDrain;
  },
  onDrain: listener => {
    process.stdout.on('drain', listener);
    return () => void process.stdout.off('drain', listener);
  },
};

/** Resets the terminal that is written to, however the process ends. Returns what ends this. */
function guard(output: TerminalOutput): () => void {
  const reset = () => output.reset();
  const suspended = () => {
    output.audience = 'shell';
    stopSelf();
    output.audience = 'program';
  };
  process.on('exit', reset);
  const signals = { SIGINT: () => process.exit(130), SIGQUIT: () => process.exit(131), SIGTSTP: suspended };
  const forget = handleSignals(signals, status => process.exit(status));
  return () => {
    forget();
    process.off('exit', reset);
    reset();
  };
}

/** Reads the answers that the terminal owes, which nobody has read, so that they are not typed at the user's shell. */
async function dropAnswers(output: TerminalOutput): Promise<void> {
  if (!output.isAnswering || !isForeground()) {
    output.reset();
    return;
  }
  let fd: number;
  let stream: ReadStream;
  try {
    fd = openSync('/dev/tty', 'r+');
    stream = new ReadStream(fd);
  } catch {
    output.reset();
    return;
  }
  const terminal = new LocalTerminal(stream, fd);
  const keys = new KeyReader({ escapeKey: () => undefined, hasKeyboardProtocol: () => true, deliver: () => {} });
  stream.on('data', keys.read).on('error', () => keys.stop());
  terminal.apply(SILENT, undefined);
  output.reset();
  await keys.untilIdentity(output.askIdentity());
  terminal.restore();
  stream.destroy();
}
