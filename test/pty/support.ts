/** Helpers for the tests of pseudo-terminals: reading up to a pattern, and inspecting processes from outside. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { type Pty, type PtyOptions, spawnPty } from '../../src/pty/index.ts';
import { LOADER } from '../support/typescript.ts';

export const isRoot = process.getuid!() === 0;

/** All output up to its end. */
export async function readAll(pty: Pty): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of pty) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/**
 * Runs a shell script to its end. Returns its output, with newlines as the script printed them, and its exit status.
 */
export async function run(script: string, options: PtyOptions = {}) {
  const pty = spawnPty('sh', ['-c', script], options);
  const output = (await readAll(pty)).toString().replaceAll('\r\n', '\n');
  return { output, ...(await pty.exited) };
}

/** Reads until the text matches, and leaves the stream flowing without a listener; fails at the end of the output. */
export function until(pty: Pty, pattern: RegExp): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let text = '';
    const stop = () => {
      pty.off('data', look).off('end', ended);
      pty.resume();
    };
    const look = (chunk: Buffer) => {
      text += chunk.toString('latin1');
      const match = pattern.exec(text);
      if (match === null) return;
      stop();
      resolve(match);
    };
    const ended = () => {
      stop();
      reject(new Error(`the output ended without ${pattern}: ${JSON.stringify(text)}`));
    };
    pty.on('data', look).on('end', ended).resume();
  });
}

export function closed(pty: Pty): Promise<void> {
  return pty.closed ? Promise.resolve() : new Promise(resolve => pty.once('close', resolve));
}

/** The fields of /proc/PID/stat from the state on, or undefined if the process does not exist. */
function stat(pid: number | string): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** Whether a process exists and is not a zombie. */
export function isAlive(pid: number): boolean {
  const state = stat(pid)?.[0];
  return state !== undefined && state !== 'Z' && state !== 'X';
}

/** Our children that have ended and were not reaped. */
export function zombies(): string[] {
  return readdirSync('/proc').filter(name => {
    const fields = /^\d+$/.test(name) ? stat(name) : undefined;
    return fields?.[0] === 'Z' && Number(fields[1]) === process.pid;
  });
}

/** The descriptors and threads of this process. */
export function held() {
  return { fds: readdirSync('/proc/self/fd').length, threads: readdirSync('/proc/self/task').length };
}

const entry = new URL('../../src/pty/index.ts', import.meta.url).href;

function moduleText(body: string): string {
  return `import * as pty from ${JSON.stringify(entry)};\n${body}`;
}

/** The variables besides PATH that another Node needs to load an addon built by scripts/sanitize.mjs. */
const sanitizer = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => /^(LD_PRELOAD|(A|T|UB)SAN_OPTIONS)$/.test(name)),
);

/** The arguments for Node to run an ES module in which `pty` is `telpty/pty`. */
export function nodeArguments(body: string): string[] {
  return ['--import', LOADER, '--input-type=module', '-e', moduleText(body)];
}

/** Runs an ES module that has `startPty` and `spawnPty` in a worker thread. */
export function startWorker(body: string): Worker {
  const text = `
  import { parentPort } from 'node:worker_threads';
  import { spawnPty, startPty } from ${JSON.stringify(entry)};
  ${body}`;
  // A worker starts without the loader, so it imports the loader before the module.
  const code = `await import(${JSON.stringify(LOADER)}); await import('data:text/javascript,' + encodeURIComponent(${JSON.stringify(text)}));`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`));
}

/**
 * Runs an ES module, in which `pty` is `telpty/pty`, in another Node on a terminal. `prefix` is put before its command
 * line and `redirections` after it.
 */
export function inNode(prefix: string, body: string, redirections = '') {
  const command = `exec ${prefix} '${process.execPath}' --import '${LOADER}' --input-type=module -e "$MODULE" ${redirections}`;
  return run(command, { env: { ...sanitizer, PATH: process.env.PATH, MODULE: moduleText(body) } });
}

/**
 * Runs an ES module, in which `pty` is `telpty/pty`, in another Node, as the user `nobody` if we are root. Returns its
 * output; throws if the exit code is not 0.
 */
export function asNobody(body: string): string {
  const { error, status, stdout, stderr } = spawnSync(process.execPath, nodeArguments(body), {
    encoding: 'utf8',
    cwd: '/',
    env: { ...sanitizer, PATH: process.env.PATH },
    ...(isRoot ? { uid: 65534, gid: 65534 } : {}),
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${stdout}${stderr}`);
  return stdout;
}
