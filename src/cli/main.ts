#!/usr/bin/env node
/** The command `telpty`: finds the subcommand, and is the one place that turns errors into exit statuses. */
import { TelptyError } from '../errors.ts';
import { ownPackage } from '../package.ts';
import { escapeText } from '../shells/output/escape.ts';
import { usage } from './options/usage.ts';
import type { ServeSettings } from './serve/settings.ts';

/** Whether an unexpected error is printed with its stack; the log level decides. */
let showStacks = false;

async function run(argv: readonly string[]): Promise<void> {
  const [first, ...rest] = argv;
  switch (first) {
    case undefined:
      throw usage('no command given (telpty help lists them)');
    case '-V':
    case '--version':
      process.stdout.write(`${ownPackage()?.version}\n`);
      return;
    case '-h':
    case '--help':
    case 'help':
      process.stdout.write(await help(rest));
      return;
    case 'serve':
      await runServe(rest);
      return;
    case 'connect':
      await runConnect(rest);
      return;
    case 'play':
      await runPlay(rest);
      return;
    case 'render':
      await runRender(rest);
      return;
    case 'check':
      await runCheck(rest);
      return;
    case 'completion':
      await runCompletion(rest);
      return;
    default:
      throw await unknown(first);
  }
}

async function runServe(argv: readonly string[]): Promise<void> {
  const { parseServe } = await import('./serve/settings.ts');
  const doubts: string[] = [];
  const settings = parseServe(argv, { onDoubt: line => doubts.push(line) });
  if (settings === 'help') {
    process.stdout.write(await help(['serve']));
    return;
  }
  showStacks = settings.logLevel === 'debug' || settings.logLevel === 'trace';
  // Loaded late, so that help and errors do not wait for the addon and the log.
  const { serve } = await import('./serve/serve.ts');
  await serve(settings, () => parseServe(argv) as ServeSettings, doubts);
  // A lost line about a port is not an error of the server, which has ended as it should.
  writeError = undefined;
}

async function runConnect(argv: readonly string[]): Promise<void> {
  const { parseConnect } = await import('./connect/settings.ts');
  const settings = parseConnect(argv);
  if (settings === 'help') {
    process.stdout.write(await help(['connect']));
    return;
  }
  const { runConnect: run } = await import('./connect/connect.ts');
  await run(settings);
}

async function runPlay(argv: readonly string[]): Promise<void> {
  const { parsePlay } = await import('./play/settings.ts');
  const settings = parsePlay(argv);
  if (settings === 'help') {
    process.stdout.write(await help(['play']));
    return;
  }
  const { runPlay: run } = await import('./play/play.ts');
  await run(settings);
}

async function runRender(argv: readonly string[]): Promise<void> {
  // In one part, unlike the others: it needs little more than its options.
  const { runRender: run } = await import('./render/render.ts');
  if ((await run(argv)) === 'help') process.stdout.write(await help(['render']));
}

async function runCheck(argv: readonly string[]): Promise<void> {
  const { check, parseCheck } = await import('./options/check.ts');
  const settings = parseCheck(argv);
  if (settings === 'help') {
    process.stdout.write(await help(['check']));
    return;
  }
  const { problems, status } = check(settings.file);
  for (const problem of problems) process.stderr.write(`${escapeLine(problem)}\n`);
  if (status !== 0) process.exit(status);
  process.stdout.write(`${escapeLine(escapeText(settings.file))}: valid\n`);
}

async function runCompletion(argv: readonly string[]): Promise<void> {
  const { completionScript, parseCompletion } = await import('./help/completion.ts');
  const settings = parseCompletion(argv);
  process.stdout.write(settings === 'help' ? await help(['completion']) : completionScript(settings.shell));
}

/**
 * Loaded late: the tables of all options, and the code that checks their values, take most of the time of `--version`.
 */
async function help([name]: readonly string[]): Promise<string> {
  const { helpOf } = await import('./help/help.ts');
  return helpOf(name);
}

/** The error about an unknown word in the place of a command. */
async function unknown(word: string): Promise<TelptyError> {
  const { unknownCommand } = await import('./help/help.ts');
  return unknownCommand(word);
}

/**
 * Waits until standard output is written.
 *
 * @throws TelptyError `ERR_RUNTIME` if a part of it is lost, as on a full disk.
 */
async function written(): Promise<void> {
  await new Promise(resolve => process.stdout.write('', resolve));
  if (writeError === undefined) return;
  const { outputLoss } = await import('./output-loss.ts');
  const loss = outputLoss(writeError);
  if (loss !== undefined) throw loss;
}

/** Prints the error in one line, and exits. */
function fail(cause: unknown): never {
  const error = lostDirectory(cause) ?? cause;
  const expected = error instanceof TelptyError;
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`telpty: ${expected ? '' : 'unexpected error: '}${escapeLine(message)}\n`);
  if (showStacks && !expected && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  process.exit(expected && error.code === 'ERR_USAGE' ? 2 : 1);
}

/**
 * The error if the working directory was removed: Node.js cannot resolve any relative name then, and its message does
 * not say which directory is missing.
 */
function lostDirectory(error: unknown): TelptyError | undefined {
  const { code: systemCode = 'unknown', syscall } = error as NodeJS.ErrnoException;
  if (syscall !== 'uv_cwd') return undefined;
  return new TelptyError('ERR_RUNTIME', 'the current directory no longer exists; change to another one (cd)', {
    systemCode,
    cause: error,
  });
}

/** Input of the client or the operator is already escaped; this only keeps the message on one line. */
const escapeLine = (message: string) => message.replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ');

// `telpty help | head -1`: a reader that has closed the pipe is not an error. A log without a reader does not end the
// server.
let writeError: NodeJS.ErrnoException | undefined;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  writeError ??= error;
});
process.stderr.on('error', () => {});
process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);

try {
  await run(process.argv.slice(2));
  await written();
  // Do not wait for what a command has left open (a timer, a descriptor).
  process.exit(0);
} catch (error) {
  fail(error);
}
