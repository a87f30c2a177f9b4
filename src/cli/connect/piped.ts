/** Standard input that is not a terminal: a script, a file, another program. */
import { openSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import type { Session } from '../../session/session.ts';
import { SILENT } from './discipline.ts';
import { KeyReader } from './keys/key-reader.ts';
import { Keyboard } from './keys/keyboard.ts';
import { handleSignals, isForeground, stopSelf } from './signals.ts';
import { LocalTerminal } from './terminal/local-terminal.ts';
import { openOutput, type TerminalOutput, terminalSize } from './terminal/output.ts';
import { type Output, Screen } from './terminal/screen.ts';

const CR = 0x0d;

/**
 * Sends standard input and shows the server's output until the server closes. The end of the input is not signalled:
 * servers treat it as the end of the connection, and would discard what the last command has still to print.
 *
 * @param local the character set of this end
 * @param converts whether to convert from and to that set; else bytes pass unchanged.
 */
export async function runPiped(session: Session, local: string, converts: boolean): Promise<void> {
  const charset = converts ? local : undefined;
  const output = process.stdout.isTTY ? openOutput(local) : undefined;
  new Screen(session, output ?? PLAIN_OUTPUT, charset, output && terminalSize);
  const forget = output === undefined ? () => {} : guard(output);
  const keyboard = new Keyboard(session, charset);
  let waits: Buffer = Buffer.alloc(0);
  const typed = (chunk: Buffer) => {
    const bytes = waits.length === 0 ? chunk : Buffer.concat([waits, chunk]);
    // Whether a CR at the end belongs to a CR LF depends on the next byte.
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

/** Output for a program or a file is not changed. */
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

/** Resets the terminal that is written to, however the process ends. Returns a function that ends this. */
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

/**
 * Reads the terminal's pending answers and discards them, so that the user's shell does not receive them as typed
 * input.
 */
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
