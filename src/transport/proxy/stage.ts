import type { Socket } from 'node:net';
import { addon } from '../../native/load.ts';
import { addressOf, type Peer, peerOf } from '../peer.ts';
import type { AddressList } from '../pre-session/address-list.ts';
import { type GateUser, Guest, Waiting } from '../pre-session/stage.ts';
import { LONGEST_PROXY_HEADER, parseProxyHeader } from './header.ts';

/** How long a proxy may take to send its header, in milliseconds. It has it when it connects. */
const HEADER_MS = 3_000;

/**
 * Finds out whose connections come from proxies. Who is not on the list of proxies passes at once, as who it is; a header that
 * such a one sends is what it says first, and is told from Telnet there (see foreign-protocol.ts).
 */
export class ProxyGate {
  readonly #proxies: AddressList;
  readonly #waiting = new Waiting();

  /** @throws TelptyError `ERR_PTY_UNSUPPORTED` without the addon. */
  constructor(proxies: AddressList) {
    addon();
    this.#proxies = proxies;
  }

  /** Takes a connection of which nothing has been read; when it passes, only the header has been. */
  enter(socket: Socket, user: GateUser<Peer>): void {
    const peer = peerOf(socket);
    if (!this.#proxies.has(addressOf(peer))) {
      user.passed(peer);
      return;
    }
    const guest = new Guest(this.#waiting, socket, peer, user);
    guest.hurry(HEADER_MS, () => guest.refuse('proxy', `no PROXY header within ${HEADER_MS / 1_000}s`));
    let hasSpoken = false;
    const looks = guest.look({
      seen(bytes) {
        hasSpoken = true;
        const header = parseProxyHeader(bytes);
        if (header.state === 'partial') return bytes.length < LONGEST_PROXY_HEADER;
        if (header.state === 'malformed') {
          guest.refuse(
            'proxy',
            header.reason === 'no PROXY header' ? header.reason : `a bad PROXY header: ${header.reason}`,
          );
          return false;
        }
        try {
          guest.take(header.length);
        } catch (error) {
          guest.fail(error as Error);
          return false;
        }
        guest.leave();
        const { address, port } = header;
        user.passed(address === undefined ? peer : { kind: 'ip', address, port });
        return false;
      },
      over: () =>
        hasSpoken
          ? guest.refuse('proxy', 'closed before the end of its PROXY header')
          : guest.refuse('probe', 'closed before anything was said'),
    });
    // A socket that is closed already has no descriptor.
    if (!looks) guest.drop();
  }

  /** Closes the connections that have not passed. */
  close(): void {
    this.#waiting.close();
  }
}
