/** The options of `telpty connect`. */

import { Option, optionName } from '../../protocol/index.ts';
import { RECORDING_FORMATS } from '../../recording/recording.ts';
import { escapeText } from '../../shells/output/escape.ts';
import { nearest } from '../../suggestion.ts';
import { flag, helpOption, type OptionSection, type OptionTable } from '../options/options.ts';
import { usage } from '../options/usage.ts';
import * as values from '../options/values.ts';

const networkOptions = {
  tls: { ...flag, help: 'use TLS and verify the certificate of the server' },
  'tls-ca': {
    argument: 'FILE',
    parse: values.text,
    help: 'trust the certificates in this file (PEM) instead of the usual ones',
  },
  'tls-no-verify': { ...flag, help: 'accept any certificate; any server can then pose as the real one' },
  'keep-alive': {
    argument: 'T',
    parse: values.duration(),
    default: '0',
    help: 'send IAC NOP to a server that speaks Telnet after this time without output; 0: never',
  },
  'keep-alive-timeout': {
    argument: 'T',
    parse: values.duration(),
    default: '0',
    help: '`--keep-alive` asks for TIMING-MARK in place of NOP; a server that has answered one and then stays silent for this time is lost; 0: NOP',
  },
  reconnect: {
    ...flag,
    help: 'connect again, after pauses of 1 s to 1 min, if a connection cannot be made or breaks; not after an end by either side',
  },
  compression: { ...flag, help: 'accept compression (MCCP2, MCCP3) if the server offers it; never under TLS' },
  'always-will': {
    argument: 'OPTION,…',
    parse: telnetOptions,
    repeatable: true,
    help: 'offer these Telnet options at once (WILL), named like `GMCP` or as numbers, even if telpty does not implement them',
  },
  'always-do': {
    argument: 'OPTION,…',
    parse: telnetOptions,
    repeatable: true,
    help: 'request these Telnet options of the server at once (DO)',
  },
} as const satisfies OptionTable;

const terminalOptions = {
  encoding: {
    argument: 'NAME',
    parse: values.charset,
    defaultWords: 'what is negotiated',
    help: 'character set of the server, converted to and from that of your locale; with `petscii` and `atascii` also its keys and control codes',
  },
  'ansi-keys': {
    ...flag,
    help: 'with `--encoding petscii` or `atascii`: send the sequences of cursor and function keys, not the codes of that machine',
  },
  mode: {
    argument: 'auto|character|line',
    parse: values.choice('auto', 'character', 'line'),
    default: 'auto',
    help: '`auto`: as the server requests; `character`: send each key at once; `line`: edit lines locally',
  },
  term: {
    argument: 'NAME',
    parse: values.terminalName,
    defaultWords: 'TERM; dumb if input or output is not a terminal; PETSCII or ATASCII with that encoding',
    help: 'terminal type to report to the server',
  },
  escape: {
    argument: 'CHAR',
    parse: escapeCharacter,
    default: '^]',
    help: 'key that opens the prompt: a character, `^` and a letter, or `none`',
  },
  'send-env': {
    argument: 'NAME',
    parse: values.envName,
    repeatable: true,
    help: 'report this variable to a server that asks for it; no other variable is reported',
  },
} as const satisfies OptionTable;

const generalOptions = {
  record: {
    argument: 'FILE',
    parse: values.text,
    help: 'record the output of the server, in a new file that only you can read',
  },
  'record-format': {
    argument: RECORDING_FORMATS.join('|'),
    parse: values.choice(...RECORDING_FORMATS),
    defaultWords: 'asciicast',
    help: '`asciicast`: version 3 (asciinema 3); `asciicast-v2`: version 2, for older players; `ttyrec`',
  },
  help: helpOption,
} as const satisfies OptionTable;

export const connectSections: readonly OptionSection[] = [
  { title: 'Connection', options: networkOptions },
  { title: 'Terminal', options: terminalOptions },
  { title: 'General', options: generalOptions },
];

export const connectOptions = {
  ...networkOptions,
  ...terminalOptions,
  ...generalOptions,
} as const satisfies OptionTable;

/** `GMCP,new-environ,91`: the codes of Telnet options. */
export function telnetOptions(value: string): readonly number[] {
  return value.split(',').map(part => {
    const word = part.trim();
    if (/^\d{1,3}$/.test(word) && Number(word) <= 255) return Number(word);
    const name = word.toUpperCase().replaceAll('-', '_');
    if (Object.hasOwn(Option, name)) return Option[name as keyof typeof Option];
    const similar = nearest(word, Object.values(Option).map(optionName));
    const advice =
      similar === undefined ? 'write a name such as GMCP, or a number from 0 to 255' : `did you mean ${similar}?`;
    throw usage(`'${escapeText(word, 60)}' is not a Telnet option (${advice})`);
  });
}

/** `^]`, `^?`, `~`, `none`: the byte that the key sends. */
export function escapeCharacter(value: string): number | undefined {
  if (value === 'none') return undefined;
  if (value === '^?') return 0x7f;
  if (/^\^[@-_a-z]$/.test(value)) return value.toUpperCase().charCodeAt(1) & 0x1f;
  if (/^[!-~]$/.test(value)) return value.charCodeAt(0);
  throw usage("is not a key: write one character, ^ and a letter, or 'none'");
}

/** A byte as `stty` shows it: `^]`. */
export function caret(byte: number): string {
  if (byte === 0x7f) return '^?';
  return byte < 0x20 ? `^${String.fromCharCode(byte + 0x40)}` : String.fromCharCode(byte);
}
