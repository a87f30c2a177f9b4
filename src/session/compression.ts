import { type Compression, Option, type Side, type Telnet, type TelnetEvent } from '../protocol/index.ts';
import type { ReceiveScheduler } from '../transport/stream/receive-scheduler.ts';
import type { SendQueue } from '../transport/stream/send-queue.ts';
import type { Ending, ProtocolError } from './ending.ts';

/** Options whose compressing end learns by negotiation that it may start: MCCP2 on a server, MCCP3 on a client. */
const BEGUN_BY: readonly (readonly [code: number, side: Side])[] = [
  [Option.MCCP2, 'local'],
  [Option.MCCP3, 'remote'],
];

/**
 * Compresses and inflates as negotiated (MCCP2, MCCP3), at either end. It starts to compress as soon as the peer
 * agrees, stops when the peer withdraws, and inflates what the peer announces as compressed.
 *
 * @param encrypted whether the output is encrypted. Encrypted output is not compressed: the length of compressed data
 *   in which secrets are mixed with text chosen by an attacker discloses the secrets.
 */
export function followCompression(
  event: TelnetEvent,
  telnet: Telnet,
  ending: Ending,
  scheduler: ReceiveScheduler,
  queue: SendQueue,
  encrypted: boolean,
): void {
  if (event.type === 'compression' && event.direction === 'sent') {
    queue.compress(true);
  } else if (event.type === 'compression') {
    // Compression inside compressed data: it would have to be inflated twice.
    if (scheduler.isInflating) ending.hangup('nested-compression' satisfies ProtocolError);
    // Some servers send gzip, or deflate without a frame.
    else scheduler.inflate(telnet.takeUnread(), event.option === Option.MCCP2 ? 'any' : 'zlib');
  } else if (event.type === 'option' && BEGUN_BY.some(([code, side]) => event.option === code && event.side === side)) {
    if (!event.enabled) queue.compress(false);
    else if (!encrypted) (telnet.find(event.option) as Compression | undefined)?.start();
  }
}
