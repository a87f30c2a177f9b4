/**
 * The flood reader (`native/terminal/flood.h`) under every schedule: its C files, compiled with a model of the kernel
 * and with small buffers, run as two contexts whose interleavings are explored. See flood-schedules.c.
 *
 * `PREEMPTIONS=2` explores more, in some minutes.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findHeaders } from '../../../scripts/addon/compile.mjs';

const directory = mkdtempSync(join(tmpdir(), 'telpty-schedules-'));
after(() => rmSync(directory, { recursive: true }));

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const native = (name: string) => here(`../../../native/${name}`);

const SOURCES = [
  ...['flood_thread', 'flood_send', 'flood_reader', 'read', 'packet'].map(name => `terminal/${name}.c`),
  ...['fast_path', 'connection', 'tee'].map(name => `socket/${name}.c`),
];

/** Constants that are made small. */
const REPLACED: Record<string, readonly (readonly [string, string])[]> = {
  'telpty.h': [['#define DRAIN_LIMIT (64 * 1024)', '#define DRAIN_LIMIT 8']],
  'terminal/read.c': [['#define TURN_BYTES (8 * 1024)', '#define TURN_BYTES 4']],
  'socket/fast_path.c': [['#define ESCAPED_BYTES (32 * 1024)', '#define ESCAPED_BYTES 5']],
  'socket/tee.c': [
    ['#define TEE_BYTES (1024 * 1024)', '#define TEE_BYTES 48'],
    ['#define FLOOD_BYTES (64 * 1024)', '#define FLOOD_BYTES 24'],
    ['#define FIRST_BYTES 512', '#define FIRST_BYTES 12'],
    ['#define KEPT_BYTES (4 * 1024)', '#define KEPT_BYTES 12'],
  ],
};

/** Copies a file of the addon, and replaces its constants. */
function copy(name: string): string {
  let text = readFileSync(native(name), 'utf8');
  for (const [from, to] of REPLACED[name] ?? []) {
    assert.ok(text.includes(from), `${name} has no ${from}`);
    text = text.replace(from, to);
  }
  const path = join(directory, basename(name));
  writeFileSync(path, text);
  return path;
}

// The model's contexts are those of glibc.
const { glibcVersionRuntime } = (process.report.getReport() as unknown as { header: Record<string, unknown> }).header;

test('under no schedule a byte is lost, doubled or moved, and JavaScript never runs beside a send of the thread', {
  skip: process.platform !== 'linux' || glibcVersionRuntime === undefined,
}, () => {
  copy('telpty.h');
  copy('terminal/flood.h');
  const flags = ['-D_GNU_SOURCE', '-O2', '-g', `-I${findHeaders()}`, `-I${directory}`, '-c'];
  const objects = SOURCES.map(name => {
    const source = copy(name);
    execFileSync('cc', [...flags, '-include', here('flood-schedules.h'), '-o', `${source}.o`, source]);
    return `${source}.o`;
  });
  const model = join(directory, 'model.o');
  const preemptions = `-DPREEMPTIONS=${process.env.PREEMPTIONS ?? 1}`;
  execFileSync('cc', [...flags, preemptions, '-o', model, here('flood-schedules.c')]);
  const program = join(directory, 'schedules');
  // The files refer to functions of the addon, Node-API and libuv that are never called here.
  execFileSync('cc', ['-no-pie', '-Wl,--unresolved-symbols=ignore-all', '-o', program, ...objects, model]);
  const report = execFileSync(program, { encoding: 'utf8' });
  const lines = report.trim().split('\n');
  assert.match(lines.pop()!, /^\d+ schedules$/);
  for (const line of lines) {
    // Otherwise nothing is explored.
    const [, schedules, percent] = /: (\d+) schedules, (\d+)% sent by the thread$/.exec(line) ?? [];
    assert.ok(Number(schedules) > 500 && Number(percent) > 2, line);
  }
});
