/** The commands of the prompt that the escape key opens. */
import { Command, optionName, type Side } from '../../protocol/index.ts';
import type { Session } from '../../session/session.ts';
import { escapeText } from '../../shells/output/escape.ts';
import { formatAddress, formatBytes, formatDuration } from '../log/format.ts';
import { caret, escapeCharacter } from './options.ts';
import type { InputMode } from './settings.ts';
import type { Toggle } from './toggles.ts';

/** The state and the actions that the commands use. */
export interface Controls {
  readonly session: Session;
  mode: InputMode;
  escapeKey: number | undefined;
  /** The current treatment of keys, as text. */
  readonly discipline: string;
  /** The available toggles, by name. */
  readonly toggles: ReadonlyMap<string, Toggle>;
  /** Types the escape key itself. */
  typeEscape(): void;
  sendSynch(): void;
  suspend(): void;
  leave(): void;
  /** Prints one line. */
  print(line: string): void;
}

interface PromptCommand {
  readonly usage: string;
  readonly help: string;
  /** Returns the problem with the arguments, if there is one. */
  run(controls: Controls, words: readonly string[]): string | undefined;
}

/** The commands that `send` sends, by name. */
const SIGNALS: ReadonlyMap<string, number> = new Map([
  ['ayt', Command.AYT],
  ['ip', Command.IP],
  ['ao', Command.AO],
  ['brk', Command.BRK],
  ['ec', Command.EC],
  ['el', Command.EL],
  ['ga', Command.GA],
  ['nop', Command.NOP],
  ['eor', Command.EOR],
  ['eof', Command.EOF],
  ['susp', Command.SUSP],
  ['abort', Command.ABORT],
]);

const MODES: readonly InputMode[] = ['auto', 'character', 'line'];

const COMMANDS: Readonly<Record<string, PromptCommand>> = {
  close: { usage: 'close', help: 'end the connection', run: controls => void controls.leave() },
  quit: { usage: 'quit', help: 'the same', run: controls => void controls.leave() },
  status: { usage: 'status', help: 'show the state of the connection', run: printStatus },
  send: { usage: `send ${[...SIGNALS.keys(), 'synch', 'escape'].join('|')}`, help: 'send a command', run: send },
  mode: { usage: `mode ${MODES.join('|')}`, help: 'select how keys are sent', run: changeMode },
  toggle: { usage: 'toggle NAME', help: 'turn something on or off', run: toggle },
  set: { usage: 'set escape CHAR', help: 'change the key that opens this prompt', run: set },
  z: { usage: 'z', help: 'suspend telpty', run: controls => void controls.suspend() },
  help: { usage: 'help', help: 'show this; ? does the same', run: help },
};

/**
 * Runs a line of the prompt.
 *
 * @returns whether the line was a valid command; else the problem has been printed.
 */
export function runCommand(controls: Controls, line: string): boolean {
  const [given = '', ...words] = line.trim().split(/\s+/);
  const command = find(given);
  const wrong =
    command === undefined ? `unknown command ${shown(given)} (help lists the commands)` : command.run(controls, words);
  if (wrong !== undefined) controls.print(wrong);
  return wrong === undefined;
}

/** Finds a command by its name, or by a prefix that no other command has. */
function find(given: string): PromptCommand | undefined {
  const name = given === '?' ? 'help' : given;
  if (Object.hasOwn(COMMANDS, name)) return COMMANDS[name];
  const names = Object.keys(COMMANDS).filter(one => one.startsWith(name));
  return names.length === 1 ? COMMANDS[names[0]!] : undefined;
}

const shown = (word: string) => escapeText(word, 40);

function send(controls: Controls, words: readonly string[]): string | undefined {
  if (words.length === 0) return `usage: ${COMMANDS.send!.usage}`;
  for (const word of words) {
    const known = SIGNALS.has(word) || word === 'synch' || word === 'escape';
    if (!known) return `unknown name to send: ${shown(word)}`;
  }
  for (const word of words) {
    const code = SIGNALS.get(word);
    if (code !== undefined) controls.session.telnet.command(code);
    else if (word === 'synch') controls.sendSynch();
    else controls.typeEscape();
  }
  return undefined;
}

function changeMode(controls: Controls, [word]: readonly string[]): string | undefined {
  const mode = MODES.find(one => one === word);
  if (mode === undefined) return `usage: ${COMMANDS.mode!.usage}`;
  controls.mode = mode;
  return undefined;
}

function toggle(controls: Controls, [name]: readonly string[]): string | undefined {
  const found = controls.toggles.get(name ?? '');
  if (found === undefined) {
    for (const [each, one] of controls.toggles) {
      controls.print(`  ${each.padEnd(10)} ${one.get() ? 'on ' : 'off'} ${one.help}`);
    }
    return name === undefined ? undefined : `unknown name to toggle: ${shown(name)}`;
  }
  const on = !found.get();
  found.set(on);
  controls.print(`${name} is ${on ? 'on' : 'off'}`);
  return undefined;
}

function set(controls: Controls, [what, value = '']: readonly string[]): string | undefined {
  if (what !== 'escape') return `usage: ${COMMANDS.set!.usage}`;
  try {
    controls.escapeKey = escapeCharacter(value);
  } catch {
    return `${shown(value)} is not a key: write one character, ^ and a letter, or none`;
  }
  return undefined;
}

function printStatus(controls: Controls): undefined {
  const { session, discipline, escapeKey } = controls;
  const enabled = (side: Side) =>
    session.telnet
      .codes()
      .filter(code => session.telnet.isEnabled(code, side))
      .map(optionName)
      .join(', ') || 'none';
  controls.print(
    `Connected to ${formatAddress(session.remoteAddress, session.remotePort)} for ${formatDuration(session.age)}.`,
  );
  controls.print(
    `Keys: ${discipline}. Escape character: ${escapeKey === undefined ? 'none' : `'${caret(escapeKey)}'`}.`,
  );
  controls.print(`Options here: ${enabled('local')}; there: ${enabled('remote')}.`);
  controls.print(`Character set: ${session.encoding}${session.charset === undefined ? '' : ' (negotiated)'}.`);
  controls.print(`Received ${formatBytes(session.bytesRead)}, sent ${formatBytes(session.bytesWritten)}.`);
}

function help(controls: Controls): undefined {
  for (const { usage, help: text } of Object.values(COMMANDS)) {
    if (usage.length > 14) {
      controls.print(`  ${usage}`);
      controls.print(`  ${''.padEnd(14)} ${text}`);
    } else controls.print(`  ${usage.padEnd(14)} ${text}`);
  }
  controls.print(`  names to toggle: ${[...controls.toggles.keys()].join(', ')}`);
}
