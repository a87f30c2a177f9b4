import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NEGOTIATION_MS } from '../patience.ts';
import { type StartOptions, startServer, type TestServer } from '../servers/server.ts';
import { requireTool } from './tools.ts';

/** What a hermetic shell prints when it is ready. Not `$ `: programs also print that. */
export const PROMPT = 'ready$ ';

/** The prompt, alone on the last line with text. */
export const AT_PROMPT = /(^|\n)ready\$$/;

/**
 * A command that says `started` when a signal from the terminal is sure to reach it. Not `echo started; sleep 100`:
 * there an interrupt may come between the two, when the shell itself is still in the foreground and takes no notice.
 */
export const INTERRUPTIBLE = "sh -c 'echo started; exec sleep 100'";

/**
 * The same, and it says `back` when it goes on. What a shell prints at `fg` comes before that: then the terminal is
 * still the shell's, and as its editor wants it.
 */
export const STOPPABLE = `perl -e '$|=1; $SIG{CONT}=sub {print "back\\n"}; print "started\\n"; sleep 100 while 1'`;

/** A bash that reads no settings of a user: `startServer([...bash.args], { program: bash.program })`. */
export function hermeticBash(): { args: string[]; program: string[] } {
  const env = {
    PS1: PROMPT,
    HISTFILE: '',
    INPUTRC: '/dev/null',
    PATH: '/usr/local/bin:/usr/bin:/bin:/usr/games',
    LANG: 'C.UTF-8',
    LC_ALL: 'C.UTF-8',
  };
  return {
    args: Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    program: [requireTool('bash'), '--norc', '--noprofile', '-i'],
  };
}

/** A server whose every session is a hermetic bash in one directory made for this server, which is also its HOME. */
export async function startBashServer(args: readonly string[] = [], options: StartOptions = {}): Promise<BashServer> {
  const directory = mkdtempSync(join(tmpdir(), 'telpty-bash-'));
  const bash = hermeticBash();
  const own = ['--cwd', directory, '--env', `HOME=${directory}`];
  if (!args.includes('--negotiation-timeout')) own.push('--negotiation-timeout', `${NEGOTIATION_MS}ms`);
  try {
    const server = await startServer([...own, ...bash.args, ...args], { program: bash.program, ...options });
    server.onStopped(() => rmSync(directory, { recursive: true, force: true }));
    return Object.assign(server, { directory });
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}

export type BashServer = TestServer & { readonly directory: string };
