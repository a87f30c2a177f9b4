/** Command lines of telpty that end by themselves at once, as those that are refused: many in one process. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CLI } from '../servers/server.ts';

const RUNNER = fileURLToPath(new URL('command-lines.mjs', import.meta.url));
/** Separates the commands in the output. No command prints it. */
const END = '\x1e\x1d\x1e';

/** What a command has printed, and its exit status. */
export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs command lines one after the other in one process, whose start takes most of the time of such a command. Only the
 * outputs and the exit status are those of a process of its own, so use it for commands that look at their arguments
 * and files and end.
 */
export function runCommands(lines: readonly (readonly string[])[]): CommandResult[] {
  const argv = [RUNNER, CLI, END, JSON.stringify(lines)];
  const { stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8', timeout: 300_000 });
  const [out, err] = [stdout.split(END), stderr.split(END)];
  const ended = Math.floor(err.length / 2);
  assert.ok(ended === lines.length, `did not end: telpty ${lines[ended]?.join(' ')}\n${out.at(-1)}${err.at(-1)}`);
  return lines.map((_line, index) => ({
    status: Number(err[2 * index + 1]),
    stdout: out[2 * index]!,
    stderr: err[2 * index]!,
  }));
}

/** Like {@link runCommands}, at the first call: for a table with a test for each row. */
export function lazily<Result>(run: () => Result): () => Result {
  let result: { readonly value: Result } | undefined;
  return () => {
    result ??= { value: run() };
    return result.value;
  };
}
