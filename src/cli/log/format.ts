/** Formats times and amounts for log lines. */
import { escapeText } from '../../shells/output/escape.ts';
import type { Peer } from '../../transport/peer.ts';

/** `850ms`, `12s`, `3m12s`, `2h05m`, `3d04h`: at most two units, because the rest is noise. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.round(milliseconds)}ms`;
  const seconds = Math.floor(milliseconds / 1_000);
  const pair = (large: number, largeUnit: string, small: number, smallUnit: string) =>
    `${large}${largeUnit}${String(small).padStart(2, '0')}${smallUnit}`;
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return pair(Math.floor(seconds / 60), 'm', seconds % 60, 's');
  if (seconds < 86_400) return pair(Math.floor(seconds / 3_600), 'h', Math.floor(seconds / 60) % 60, 'm');
  return pair(Math.floor(seconds / 86_400), 'd', Math.floor(seconds / 3_600) % 24, 'h');
}

/** `980 B`, `1.2 kB`, `45 kB`, `3.4 MB`: at least two digits, units of 1000. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  // 999.5 rounds to 1000, which is shorter in the next unit.
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1_000;
    unit++;
  }
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** `127.0.0.1:6023`, `[::1]:6023`. */
export function formatAddress(address: string | undefined, port: number | undefined): string {
  if (address === undefined) return 'unknown';
  const host = address.includes(':') ? `[${address}]` : address;
  return port === undefined ? host : `${host}:${port}`;
}

/** The other end of a connection, as log lines show it: `192.0.2.1:51234`, or `unix:uid=1000,pid=123`. */
export function remoteOf(end: {
  readonly peer?: Peer | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}): string {
  const { peer } = end;
  if (peer?.kind !== 'local') return escapeText(formatAddress(end.remoteAddress, end.remotePort));
  const { uid = 'unknown', pid = 'unknown' } = peer;
  return `unix:uid=${uid},pid=${pid}`;
}
