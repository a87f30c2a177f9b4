/** The dialogues with the program of `fixtures/visit.sh`, and the screens that must result: one function per row. */
import assert from 'node:assert/strict';
import { Desk, type DeskOptions } from './desk.ts';
import type { Ground } from './grounds.ts';
import { characterServer, lineServer, tlsServer } from './ours.ts';

export const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, value) => value));

/** A client that is used at a screen. */
export interface Visitor {
  /** The command that connects to a port of 127.0.0.1. */
  command(port: number): readonly string[];
  /** Input after the start of the client, for clients that connect by a command of their own. */
  readonly first?: (port: number) => string;
  readonly options?: DeskOptions;
  /** It performs LINEMODE: where the program reads lines, it starts to edit them some time after the prompt. */
  readonly edits?: boolean;
  /** The server to visit; default: telpty's server without options. */
  readonly ground?: () => Promise<Ground>;
}

const PROMPT = /(^|\n)ready>$/;

/** Visits a server, and resolves when its program prompts. */
export async function arrive(visitor: Visitor, options: DeskOptions = {}): Promise<Desk> {
  const ground = await (visitor.ground ?? characterServer)();
  const desk = Desk.open(visitor.command(ground.port), { ...visitor.options, ...options });
  try {
    if (visitor.first) desk.enter(visitor.first(ground.port));
    await desk.waitFor(PROMPT);
    if (visitor.edits) await settle(desk);
  } catch (error) {
    await desk[Symbol.asyncDispose]();
    throw error;
  }
  return desk;
}

/**
 * Waits until a client that edits has learnt that it edits and echoes. A slow client gets the prompt before it has
 * answered, and a terminal that it has not changed yet edits and echoes, too. So an empty line goes to the program and
 * back: what the server sends because of the client's answers comes before the second prompt.
 */
async function settle(desk: Desk): Promise<void> {
  const edits = () => desk.untilModes(({ icanon, echo }) => icanon === true && echo === true);
  await edits();
  desk.type('\r');
  await desk.waitFor(/ready>\s*ready>$/);
  await edits();
}

/** The program ends, and the client detects it: it exits or prints a message. */
export async function connects(visitor: Visitor, end: number | RegExp = 0): Promise<void> {
  await using desk = await arrive(visitor);
  desk.enter('quit');
  if (typeof end === 'number') assert.equal(await desk.exitStatus(), end);
  else await desk.waitFor(end);
}

/** A line with a corrected mistake. */
export async function types(visitor: Visitor): Promise<void> {
  await using desk = await arrive(visitor);
  desk.type('say helo');
  await desk.waitFor(/\bsay helo$/);
  desk.type('\x7flo');
  await desk.waitFor(/\bsay hello$/);
  desk.type('\r');
  await desk.waitFor(/\nheard <hello>\n/);
}

/** The program gets the size of the window at its start. */
export async function size(visitor: Visitor, seen = '31 101'): Promise<void> {
  await using desk = await arrive(visitor, { cols: 101, rows: 31 });
  desk.enter('size');
  await desk.waitFor(new RegExp(`\\nsize ${seen}\\n`));
}

export async function terminal(visitor: Visitor, seen = 'xterm-256color'): Promise<void> {
  await using desk = await arrive(visitor);
  desk.enter('term');
  await desk.waitFor(`\nterminal <${seen}>\n`);
}

export async function environment(visitor: Visitor, name: string, value: string): Promise<void> {
  await using desk = await arrive(visitor);
  desk.enter(`env ${name}`);
  await desk.waitFor(`\n${name} <${value}>\n`);
}

/** A password is typed without echo, and the input after it is echoed again. */
export async function password(visitor: Visitor): Promise<void> {
  await using desk = await arrive(visitor);
  desk.enter('secret');
  await desk.waitFor(/\nPassword:$/);
  desk.enter('sesame');
  await desk.waitFor(/\n6 letters\nready>$/);
  assert.ok(!desk.drawn.bytes.includes('sesame'));
  // A client that edits shows nothing until it may, which it learns after the prompt; a user takes longer to read the
  // prompt.
  await desk.untilModes(({ icanon, echo }) => !icanon || echo === true);
  desk.type('say open');
  await desk.waitFor(/\bsay open$/);
}

export async function resize(visitor: Visitor, seen = '33 90'): Promise<void> {
  await using desk = await arrive(visitor);
  desk.enter('resize');
  await desk.waitFor(/\nwatching$/);
  desk.resize(90, 33);
  await desk.waitFor(`\nresized ${seen}\n`);
}

/** The window is resized, and the client does not report it. */
export async function sizeStays(visitor: Visitor, seen = '24 80'): Promise<void> {
  await using desk = await arrive(visitor);
  desk.resize(90, 33);
  desk.enter('size');
  await desk.waitFor(`\nsize ${seen}\n`);
}

export async function bytes(visitor: Visitor): Promise<void> {
  await using desk = await arrive(visitor);
  desk.enter('bytes');
  await desk.waitFor(/\ngo$/);
  // The program reads keys now. A client that still edited a line would take some of the bytes as commands or as flow
  // control.
  if (visitor.edits) await desk.untilModes(({ icanon, isig, ixon }) => !(icanon || isig || ixon));
  desk.type(ALL_BYTES);
  await desk.waitForBytes(Buffer.from(`received ${ALL_BYTES.toString('hex')}\r\n`));
  await desk.waitForBytes(Buffer.concat([ALL_BYTES, Buffer.from('done\r\n')]));
}

export async function interrupt(visitor: Visitor, keys = '\x03'): Promise<void> {
  await using desk = await arrive(visitor);
  desk.enter('interrupt');
  await desk.waitFor(/\nwaiting$/);
  desk.type(keys);
  await desk.waitFor(/interrupted\n+ready>$/);
}

/** The client edits and echoes locally, and sends whole lines. */
export async function line(visitor: Visitor): Promise<void> {
  await using desk = await arrive({ ground: lineServer, ...visitor });
  desk.type('say helo');
  await desk.waitFor(/\bsay helo$/);
  desk.type('\x7flo');
  await desk.waitFor(/\bsay hello$/);
  desk.type('\r');
  await desk.waitFor(/ready> say hello\nheard <hello>\nready>$/);
}

/** The client echoes locally, sends at once, and leaves the editing to the server's terminal. */
export async function lineUnedited(visitor: Visitor): Promise<void> {
  await using desk = await arrive({ ground: lineServer, ...visitor });
  desk.enter('say helo\x08lo');
  await desk.waitFor(/\nheard <hello>\nready>$/);
}

/** The same, if echo is not yet negotiated at the first line. */
export async function lineUnseen(visitor: Visitor): Promise<void> {
  await using desk = await arrive({ ground: lineServer, ...visitor });
  desk.enter('say helo\x7flo');
  await desk.waitFor(/heard <hello>\nready>$/);
}

/** Non-ASCII input is drawn as typed, and the program gets it as UTF-8. */
export async function charset(visitor: Visitor): Promise<void> {
  await using desk = await arrive(visitor);
  desk.type('hex é漢');
  await desk.waitFor(/\bhex é漢$/);
  desk.type('\r');
  await desk.waitFor(/\nbytes c3 a9 e6 bc a2\n/);
}

/** `visitor` speaks TLS. */
export async function tls(visitor: (certificateFile: string) => Visitor): Promise<void> {
  const { certificate } = await tlsServer();
  await using desk = await arrive({ ground: tlsServer, ...visitor(certificate.certFile) });
  desk.enter('say hello');
  await desk.waitFor(/\nheard <hello>\n/);
  desk.enter('quit');
}
