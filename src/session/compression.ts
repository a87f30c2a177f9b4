import { type Compression, Option, type Side, type Telnet, type TelnetEvent } from '../protocol/index.ts';
import type { ReceiveScheduler } from '../transport/stream/receive-scheduler.ts';
import type { SendQueue } from '../transport/stream/send-queue.ts';
import type { Ending, ProtocolError } from './ending.ts';

/** The sides on which the one who compresses learns that it may: a server's own MCCP2, and MCCP3 as a client sees it. */
const BEGUN_BY: readonly (readonly [code: number, side: Side])[] = [
  [Option.MCCP2, 'local'],
  [Option.MCCP3, 'remote'],
];

/**
 * Compresses and inflates as was negotiated (MCCP2, MCCP3), at either end: begins to compress as soon as the peer agrees to it,
 * ends it when the peer withdraws, and inflates what the peer says is compressed.
 *
 * @param encrypted whether what is sent is encrypted; then it is not compressed, for the length of what comes of secrets together
 *   with what an attacker chose gives them away.
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
    // Inside of what is compressed: nobody would inflate it twice.
    if (scheduler.isInflating) ending.hangup('nested-compression' satisfies ProtocolError);
    // Of servers some have been met that send gzip, or deflate without a frame.
    else scheduler.inflate(telnet.takeUnread(), event.option === Option.MCCP2 ? 'any' : 'zlib');
  } else if (event.type === 'option' && BEGUN_BY.some(([code, side]) => event.option === code && event.side === side)) {
    if (!event.enabled) queue.compress(false);
    else if (!encrypted) (telnet.find(event.option) as Compression | undefined)?.start();
  }
}
