/** Telnet numbers by their RFC names, and bytes as people read them. Kept apart from src/protocol on purpose. */

export const CMD = {
  SE: 240,
  NOP: 241,
  DM: 242,
  BRK: 243,
  IP: 244,
  AO: 245,
  AYT: 246,
  EC: 247,
  EL: 248,
  GA: 249,
  SB: 250,
  WILL: 251,
  WONT: 252,
  DO: 253,
  DONT: 254,
  IAC: 255,
  // RFC 885 and RFC 1184
  EOR: 239,
  ABORT: 238,
  SUSP: 237,
  EOF: 236,
} as const;

export const OPT = {
  BINARY: 0,
  ECHO: 1,
  SGA: 3,
  STATUS: 5,
  TIMING_MARK: 6,
  LOGOUT: 18,
  TTYPE: 24,
  EOR: 25,
  NAWS: 31,
  TSPEED: 32,
  LFLOW: 33,
  LINEMODE: 34,
  XDISPLOC: 35,
  ENVIRON: 36,
  NEW_ENVIRON: 39,
  CHARSET: 42,
  MSSP: 70,
  MCCP2: 86,
  MCCP3: 87,
  GMCP: 201,
} as const;

function nameIn(table: Readonly<Record<string, number>>, code: number): string {
  for (const [name, value] of Object.entries(table)) if (value === code) return name;
  return String(code);
}

/** `IAC`, `WILL`, … or the number. */
export function commandName(code: number): string {
  return nameIn(CMD, code);
}

/** `ECHO`, `NAWS`, … or the number. */
export function optionName(code: number): string {
  return nameIn(OPT, code);
}

/** Bytes from hexadecimal: `hex('ff fb 18')`, white space anywhere. */
export function hex(text: string): Buffer {
  const digits = text.replace(/\s+/g, '');
  if (digits.length % 2 !== 0 || /[^0-9a-f]/i.test(digits)) throw new TypeError(`not hexadecimal: ${text}`);
  return Buffer.from(digits, 'hex');
}

/** Bytes as hexadecimal: `ff fb 18`. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').replace(/..\B/g, '$& ');
}

/** Bytes as a line for people: Telnet commands by name in angle brackets, text as it is, other bytes as `\xNN`. */
export function readable(bytes: Uint8Array): string {
  let out = '';
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === CMD.IAC && at + 1 < bytes.length) {
      const command = bytes[++at]!;
      const withOption = command >= CMD.SB && command <= CMD.DONT && at + 1 < bytes.length;
      out += `<IAC ${commandName(command)}${withOption ? ` ${optionName(bytes[++at]!)}` : ''}>`;
    } else if (byte === 13) out += '\\r';
    else if (byte === 10) out += '\\n';
    else if (byte === 27) out += '\\e';
    else if (byte >= 32 && byte < 127) out += String.fromCharCode(byte);
    else out += `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return out;
}
