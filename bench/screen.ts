/**
 * What the screen of a home computer costs: `node --expose-gc --import tsx bench/screen.ts`.
 *
 * Memory of a screen after output; CPU time for 4 MiB of output in chunks of 64 KiB, as a terminal gives a flood; CPU
 * time of the echo of a key; and a piece of the most expensive output, which is how long others wait between two checks
 * of the clock.
 */
import { loadScreens, MachineScreen, machineOf } from '../src/screen/machines/index.ts';

const MIB = 1024 * 1024;
const CHUNK = 64 * 1024;
const SCREENS = 100;
const KEYS = 5_000;

const FLOODS = {
  text: 'The quick brown fox jumps over the lazy dog 0123456789, and again.\r\n',
  'short lines': 'y\r\n',
  colours: '\x1b[1;31mred\x1b[m \x1b[38;5;120mgreen\x1b[0m \x1b[7mreverse\x1b[27m text text text\r\n',
  'whole screens': `\x1b[H${Array.from({ length: 24 }, (_, row) => `\x1b[${row + 1};1H\x1b[K${'ab'.repeat(15)}`).join('')}`,
  'not ASCII': 'Grüße — Привет 日本語 ─│┌┐ ▒█ ✓ é\r\n',
};

await loadScreens();
const machine = machineOf('PETSCII')!;
const create = (columns = 39, rows = 25): MachineScreen => new MachineScreen(machine, columns, rows, () => {});

function cpuMs(action: () => void): number {
  const before = process.cpuUsage();
  action();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

function memory(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const before = memory();
const screens = Array.from({ length: SCREENS }, () => create());
for (const screen of screens) screen.write(FLOODS.text.repeat(100));
console.log(`memory of a screen: ${((memory() - before) / screens.length / 1024).toFixed(0)} KiB`);

for (const [name, line] of Object.entries(FLOODS)) {
  const text = line.repeat(Math.ceil((4 * MIB) / line.length)).slice(0, 4 * MIB);
  const screen = create();
  const ms = cpuMs(() => {
    for (let at = 0; at < text.length; at += CHUNK) screen.write(text.slice(at, at + CHUNK));
  });
  console.log(`4 MiB of ${name}: ${ms.toFixed(0)} ms of CPU`);
}

const echoing = create();
const ms = cpuMs(() => {
  for (let key = 0; key < KEYS; key++) echoing.write(key % 30 === 29 ? '\r\n' : 'x');
});
console.log(`echo of a key: ${((ms / KEYS) * 1_000).toFixed(0)} µs of CPU`);

for (const [columns, rows] of [
  [39, 25],
  [132, 132],
] as const) {
  let longest = 0;
  for (const sequence of ['\x1b[9999S', '\x1b[9999L', '\x1b[2J', '\x1bc', '\x1b[?1049h\x1b[?1049l', '\n']) {
    const screen = create(columns, rows);
    const text = sequence.repeat(16_000 / sequence.length);
    let pieces = 0;
    const ms = cpuMs(() => {
      for (let at = 0; at < text.length; pieces++) at = screen.take(text, at);
    });
    longest = Math.max(longest, ms / pieces);
  }
  console.log(`a piece of the most expensive output on ${columns}x${rows}: ${longest.toFixed(2)} ms of CPU`);
}
