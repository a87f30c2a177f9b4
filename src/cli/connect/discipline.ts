/** Which side edits lines and which side echoes: the negotiated options, as settings of the user's terminal. */
import { type FlowControl, type Linemode, Option, type OptionDefinition, type Telnet } from '../../protocol/index.ts';
import type { InputMode } from './settings.ts';

/** How the user's terminal treats keys. */
export interface Discipline {
  /** Lines are edited locally, and sent when they are complete. */
  readonly edit: boolean;
  /** Keys are echoed locally. */
  readonly echo: boolean;
  /** Keys such as ^C are sent as Telnet commands. */
  readonly signals: boolean;
  /** ^S and ^Q stop and restart the output locally. */
  readonly flow: boolean;
}

/** Local editing: as in the user's own terminal, and at the prompt. */
export const COOKED: Discipline = { edit: true, echo: true, signals: true, flow: true };

/** For the time in which the terminal is restored: its reports are not echoed and do not become signals. */
export const SILENT: Discipline = { edit: false, echo: false, signals: false, flow: false };

/** The options that only a client with a user's terminal has, as their rows in the option table. */
export interface TerminalOptions {
  readonly linemode: OptionDefinition<Linemode>;
  readonly flowControl: OptionDefinition<FlowControl>;
}

/** As a home computer does: its keys are sent, and nothing is done here. */
const KEYS_ONLY: Discipline = { edit: false, echo: false, signals: false, flow: false };

/**
 * The treatment of keys for a server of home computers. Their terminal programs neither edit nor echo, and few of
 * these servers speak Telnet. If one does, it has the same means as others to request lines.
 */
export function disciplineOfMachine(
  telnet: Telnet,
  mode: InputMode,
  options: TerminalOptions,
  speaksTelnet: boolean,
): Discipline {
  const isKeysOnly = mode === 'character' || (mode === 'auto' && !speaksTelnet);
  return isKeysOnly ? KEYS_ONLY : disciplineOf(telnet, mode, options);
}

/**
 * With LINEMODE the server decides (RFC 1184). Without it, a server that echoes and suppresses GA expects each key at
 * once (RFC 857, RFC 858). Every other server expects lines that are edited and echoed here, and if a server only
 * echoes (MUDs do while a password is typed), nothing is shown. The server can switch flow control off (RFC 1372).
 * Without LFLOW, a server that receives every key also receives ^S and ^Q.
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

/** Describes the discipline as text for users. */
export function describeDiscipline({ edit, echo, signals }: Discipline): string {
  const words = edit ? ['lines are edited here'] : ['each is sent at once'];
  words.push(echo ? 'shown here' : 'shown by the server or not at all');
  if (signals) words.push('^C and the like are sent as commands');
  return words.join(', ');
}
