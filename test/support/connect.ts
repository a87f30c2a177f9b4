import { Peer } from './peer.ts';
import { CLI } from './server.ts';
import { Terminal, type TerminalOptions } from './tmux.ts';
import type { Wire } from './wire.ts';

/** `telpty connect` in a terminal of its own; `cli` is another executable than that under test. */
export function openClient(
  port: number,
  args: readonly string[] = [],
  options: TerminalOptions & { readonly cli?: string } = {},
): Promise<Terminal> {
  const { cli = CLI } = options;
  return Terminal.start([process.execPath, cli, 'connect', ...args, '127.0.0.1', String(port)], options);
}

/** The same, and the scripted server it is connected to. */
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
  const deadline = Date.now() + 15_000;
  while ((await prompts()) === before) {
    if (Date.now() > deadline) throw new Error(`no prompt came:\n${await term.capture()}`);
  }
  await term.waitFor(/telpty>$/);
}

/** Opens the prompt and gives it a line. */
export async function command(term: Terminal, line: string): Promise<void> {
  await openPrompt(term);
  await term.type(`${line}\r`);
}
