/**
 * A copy of this machine's file system to install into: an overlay on `/` in a mount and a pid namespace of its own.
 * Changes go to a tmpfs, which disappears with the namespaces. Faster than an unpacked distribution, and the package
 * database, users and programs are those of a real system. Needs root.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { plainEnvironment } from '../../../scripts/lib/tools.mjs';
import { atExit } from '../cleanup.ts';
import { childrenOf } from '../leaks.ts';
import { requireRoot } from './tools.ts';

const execute = promisify(execFile);

const SETUP = `set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount --rbind /dev "$1/root/dev"
mount -t proc proc "$1/root/proc"
echo ready
exec cat`;

export class OverlayRoot implements AsyncDisposable {
  readonly #directory: string;
  readonly #holder: ChildProcess;
  readonly #pid: number;
  readonly #forget: () => void;

  private constructor(directory: string, holder: ChildProcess, pid: number, forget: () => void) {
    this.#directory = directory;
    this.#holder = holder;
    this.#pid = pid;
    this.#forget = forget;
  }

  static async make(): Promise<OverlayRoot> {
    requireRoot();
    const directory = mkdtempSync(join(tmpdir(), 'telpty-root-'));
    const namespaces = ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child'];
    const holder = spawn('unshare', [...namespaces, 'sh', '-c', SETUP, 'sh', directory], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const forget = atExit(() => {
      holder.kill('SIGKILL');
      rmdirSync(directory);
    });
    const [text] = (await Promise.race([once(holder.stdout!, 'data'), once(holder, 'exit')])) as unknown[];
    if (String(text) !== 'ready\n') {
      forget();
      rmdirSync(directory);
      throw new Error(`cannot mount an overlay: ${text}`);
    }
    return new OverlayRoot(directory, holder, childrenOf(holder.pid!)[0]!.pid, forget);
  }

  /** The path by which a process outside reaches a file of this root. */
  path(name: string): string {
    return join(`/proc/${this.#pid}/root`, this.#directory, 'root', name);
  }

  /** The words that run a command in this root. */
  command(words: readonly string[]): string[] {
    const target = ['--target', String(this.#pid), '--mount', '--pid'];
    return ['nsenter', ...target, 'chroot', join(this.#directory, 'root'), ...words];
  }

  /** Runs a command in this root; rejects with its output unless it exits with 0. */
  async run(...words: readonly string[]): Promise<string> {
    const [file, ...args] = this.command(words);
    const env = { ...plainEnvironment(), DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' };
    try {
      const { stdout, stderr } = await execute(file!, args, { env, encoding: 'utf8', maxBuffer: 1 << 26 });
      return stdout + stderr;
    } catch (error) {
      const { stdout = '', stderr = '', message } = error as Error & { stdout?: string; stderr?: string };
      throw new Error(`${message}\n${stdout}${stderr}`);
    }
  }

  /** The files that were made, changed or removed, and the directories that were made; sorted. */
  changes(): string[] {
    const upper = join(`/proc/${this.#pid}/root`, this.#directory, 'upper');
    const below = (parent: string): string[] =>
      readdirSync(join(upper, parent), { withFileTypes: true }).flatMap(entry => {
        const name = `${parent}/${entry.name}`;
        if (!entry.isDirectory()) return [name];
        return [...(existsSync(name) ? [] : [`${name}/`]), ...below(name)];
      });
    return below('').sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#holder, 'exit');
    this.#holder.kill('SIGKILL');
    await exited;
    this.#forget();
    rmdirSync(this.#directory);
  }
}
