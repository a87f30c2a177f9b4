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

/** Opens the prompt and gives it a line. */
export async function command(term: Terminal, line: string): Promise<void> {
  await term.keys('C-]');
  await term.waitFor(/telpty>$/);
  await term.type(`${line}\r`);
}
