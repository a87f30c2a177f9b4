import { AT_PROMPT } from '../system/programs.ts';
import { requireTool } from '../system/tools.ts';
import { Terminal, type TerminalOptions } from './tmux.ts';

/** GNU telnet in a terminal of its own, connected to a port of this machine. */
export function openTelnet(port: number, options: TerminalOptions = {}): Promise<Terminal> {
  return Terminal.start([requireTool('telnet'), '127.0.0.1', String(port)], options);
}

/** The same, waiting for the prompt of `hermeticBash`. */
export async function telnetAtPrompt(port: number, options: TerminalOptions = {}): Promise<Terminal> {
  const terminal = await openTelnet(port, options);
  try {
    await terminal.waitFor(AT_PROMPT);
  } catch (error) {
    await terminal.close();
    throw error;
  }
  return terminal;
}

/** GNU telnet's command prompt: `^]`, wait for `telnet> `, one command. */
export async function telnetCommand(terminal: Terminal, command: string): Promise<void> {
  await terminal.keys('C-]');
  await terminal.waitFor(/(^|\n)telnet>$/);
  await terminal.type(`${command}\r`);
}
