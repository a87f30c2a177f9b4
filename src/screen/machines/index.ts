/** Home computers as terminals. */
import { atari8bit } from './atascii.ts';
import type { Machine } from './machine.ts';
import { commodore64 } from './petscii.ts';

export { areScreensLoaded, loadScreens } from '../xterm.ts';
export { displaySize, MachineDisplay } from './display.ts';
export { keyCodes } from './key-codes.ts';
export type { KeyModes, Machine } from './machine.ts';
export { MachineScreen } from './machine-screen.ts';
export { MachineText } from './text.ts';

const machines = new Map([commodore64, atari8bit].map(machine => [machine.charset, machine] as const));

/** The machine whose own character set this is, by its canonical name. */
export function machineOf(charset: string): Machine | undefined {
  return machines.get(charset);
}
