/** Who edits and who echoes: what the server has negotiated, as settings of the user's terminal. */
import { type FlowControl, type Linemode, Option, type OptionDefinition, type Telnet } from '../../protocol/index.ts';
import type { InputMode } from './settings.ts';

/** How the user's terminal treats keys. */
export interface Discipline {
  /** Lines are edited here, and sent when they are complete. */
  readonly edit: boolean;
  /** Keys are shown here. */
  readonly echo: boolean;
  /** Keys such as ^C become commands of Telnet here. */
  readonly signals: boolean;
  /** ^S and ^Q stop and restart the output here. */
  readonly flow: boolean;
}

/** What editing at this end is: the user's own at the prompt, too. */
export const COOKED: Discipline = { edit: true, echo: true, signals: true, flow: true };

/** While the terminal is given back: nothing that it says is shown, or a signal. */
export const SILENT: Discipline = { edit: false, echo: false, signals: false, flow: false };

/** The options that only a client with a user's terminal has, as they are in the table. */
export interface TerminalOptions {
  readonly linemode: OptionDefinition<Linemode>;
  readonly flowControl: OptionDefinition<FlowControl>;
}

/**
 * With LINEMODE the server says (RFC 1184). Without it a server that echoes and leaves out GA wants each key at once
 * (RFC 857, RFC 858); every other expects lines, edited and echoed here, and one that only echoes (MUDs do, while a password
 * is typed) wants to have nothing of them shown. Flow control is the server's to switch off (RFC 1372), and without LFLOW
 * it has ^S and ^Q for itself where it has every key.
 */
export function disciplineOf(telnet: Telnet, mode: InputMode, options: TerminalOptions): Discipline {
  const echo = !telnet.isEnabled(Option.ECHO, 'remote');
  const flow = telnet.isEnabled(Option.LFLOW, 'local') && telnet.handler(options.flowControl).state.enabled;
  const atOnce: Discipline = { edit: false, echo, signals: false, flow };
  const lines: Discipline = { ...COOKED, echo };
  if (mode !== 'auto') return mode === 'line' ? lines : atOnce;
  if (telnet.isEnabled(Option.LINEMODE, 'local')) {
    const { edit, trapsig } = telnet.handler(options.linemode).mode;
    return { edit, echo, signals: trapsig, flow: flow || edit };
  }
  return !echo && telnet.isEnabled(Option.SGA, 'remote') ? atOnce : lines;
}

/** In words, for people. */
export function describeDiscipline({ edit, echo, signals }: Discipline): string {
  const words = edit ? ['lines are edited here'] : ['each is sent at once'];
  words.push(echo ? 'shown here' : 'shown by the server or not at all');
  if (signals) words.push('^C and the like are sent as commands');
  return words.join(', ');
}
