/** The options of `telpty connect`. */
import { flag, helpOption, type OptionTable } from '../options.ts';
import * as values from '../values.ts';

export const connectOptions = {
  tls: { ...flag, help: 'speak TLS; the certificate is verified' },
  'tls-ca': {
    argument: 'FILE',
    parse: values.text,
    help: 'trust the certificates in this file (PEM) instead of the usual ones',
  },
  'tls-no-verify': { ...flag, help: 'accept any certificate: anybody may be at the other end' },
  encoding: {
    argument: 'NAME',
    parse: values.serverEncoding,
    defaultWords: 'what is negotiated',
    help: 'the character set of the server; converted to and from that of your locale',
  },
  mode: {
    argument: 'auto|character|line',
    parse: values.choice('auto', 'character', 'line'),
    default: 'auto',
    help: 'auto: as the server wants it; character: each key is sent at once; line: lines are edited here',
  },
  term: {
    argument: 'NAME',
    parse: values.terminalName,
    defaultWords: 'TERM; dumb where input or output is no terminal',
    help: 'the terminal type to tell',
  },
  escape: {
    argument: 'CHAR',
    parse: escapeCharacter,
    default: '^]',
    help: 'the key that opens the prompt: a character, ^ and a letter, or none',
  },
  'send-env': {
    argument: 'NAME',
    parse: values.envName,
    repeatable: true,
    help: 'a variable to tell a server that asks; nothing else is told',
  },
  compression: { ...flag, help: 'agree to compression (MCCP2, MCCP3) where the server offers it; never under TLS' },
  record: {
    argument: 'FILE',
    parse: values.text,
    help: 'record what the server sends, in asciicast v2 (asciinema), to a new file that only you can read',
  },
  help: helpOption,
} as const satisfies OptionTable;

/** `^]`, `^?`, `~`, `none`: the byte that the key sends. */
export function escapeCharacter(value: string): number | undefined {
  if (value === 'none') return undefined;
  if (value === '^?') return 0x7f;
  if (/^\^[@-_a-z]$/.test(value)) return value.toUpperCase().charCodeAt(1) & 0x1f;
  if (/^[!-~]$/.test(value)) return value.charCodeAt(0);
  throw values.usage("is not a key: write one character, ^ and a letter, or 'none'");
}

/** A byte as `stty` shows it: `^]`. */
export function caret(byte: number): string {
  if (byte === 0x7f) return '^?';
  return byte < 0x20 ? `^${String.fromCharCode(byte + 0x40)}` : String.fromCharCode(byte);
}
