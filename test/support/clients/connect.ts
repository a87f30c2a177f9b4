import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { childrenOf, untilTrue } from '../leaks.ts';
import { PATIENCE_MS } from '../patience.ts';
import { CLI } from '../servers/server.ts';
import { Peer } from './peer.ts';
import type { Wire } from './test-client.ts';
import { Terminal, type TerminalOptions } from './tmux.ts';

/** `telpty connect` in a terminal of its own; `cli` is another executable than that under test. */
export function openClient(
  port: number,
  args: readonly string[] = [],
  options: TerminalOptions & { readonly cli?: string } = {},
): Promise<Terminal> {
  const { cli = CLI } = options;
  return Terminal.start([process.execPath, cli, 'connect', ...args, '127.0.0.1', String(port)], options);
}

/** Output of a `telpty connect` on pipes, and its exit status. */
export interface PipedResult {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface PipedClient {
  readonly stdin: ChildProcessWithoutNullStreams['stdin'];
  /** Resolves when the process has ended and its output is complete. Each byte of standard output is one character. */
  readonly done: Promise<PipedResult>;
  /** Resolves when standard output ends in `text`. */
  shown(text: string): Promise<void>;
}

/** `telpty connect` with pipes in place of a terminal; `env` is its whole environment. */
export function runConnect(args: readonly (string | number)[], env: NodeJS.ProcessEnv = process.env): PipedClient {
  const child = spawn(process.execPath, [CLI, 'connect', ...args.map(String)], { env });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('latin1').on('data', text => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text;
  });
  child.stdin.on('error', () => {});
  const done = once(child, 'close').then(([status, signal]) => ({ status, signal, stdout, stderr }));
  const shown = async (text: string) => {
    while (!stdout.endsWith(text)) await once(child.stdout, 'data');
  };
  return { stdin: child.stdin, done, shown };
}

/** The process of the client that a shell in a terminal runs. */
export async function clientPid(term: Terminal): Promise<number> {
  let pid: number | undefined;
  await untilTrue(() => {
    pid = childrenOf(term.pid)[0]?.pid;
    return pid !== undefined;
  });
  return pid!;
}

/** A client in a terminal, and the scripted server it is connected to. */
export async function withPeer(
  body: (term: Terminal, wire: Wire) => Promise<void>,
  args: readonly string[] = [],
): Promise<void> {
  await using peer = await Peer.listen();
  await using term = await openClient(peer.port, args);
  const wire = await peer.accept();
  await term.waitFor(/Escape character is/);
  await body(term, wire);
}

/** Opens the prompt by its key. There may be one on the screen already, from the last time. */
export async function openPrompt(term: Terminal, key = 'C-]'): Promise<void> {
  const prompts = async (): Promise<number> => (await term.history()).split('telpty>').length;
  const before = await prompts();
  await term.keys(key);
  const deadline = Date.now() + PATIENCE_MS;
  while ((await prompts()) === before) {
    if (Date.now() > deadline) throw new Error(`no prompt came:\n${await term.capture()}`);
    await delay(25);
  }
  await term.waitFor(/telpty>$/);
}

/** Opens the prompt and gives it a line. */
export async function command(term: Terminal, line: string): Promise<void> {
  await openPrompt(term);
  await term.type(`${line}\r`);
}
