import type { Socket } from 'node:net';
import { addon } from '../../native/load.ts';
import { addressOf, type Peer, peerOf } from '../peer.ts';
import type { AddressList } from '../pre-session/address-list.ts';
import { PendingConnection, PendingConnections, type StageUser } from '../pre-session/stage.ts';
import { LONGEST_PROXY_HEADER, parseProxyHeader } from './header.ts';

/** How long a proxy may take to send its header, in milliseconds. It knows the header when it connects. */
const HEADER_MS = 3_000;

/**
 * Reads the PROXY header of connections from proxies. A connection from any other address passes at once, with its own
 * address; if it sends a header, foreign-protocol.ts recognizes it as a foreign protocol.
 */
export class ProxyStage {
  readonly #proxies: AddressList;
  readonly #isOptional: boolean;
  readonly #waiting = new PendingConnections();

  /**
   * @param options.isOptional whether proxies may send no header: these connections pass with the address of the proxy,
   *   once they have sent anything. Default false.
   * @throws TelptyError `ERR_PTY_UNSUPPORTED` without the addon.
   */
  constructor(proxies: AddressList, { isOptional = false }: { readonly isOptional?: boolean } = {}) {
    addon();
    this.#proxies = proxies;
    this.#isOptional = isOptional;
  }

  /** Takes a connection of which nothing has been read; when it passes, only the header has been read. */
  enter(socket: Socket, user: StageUser<Peer>): void {
    const peer = peerOf(socket);
    if (!this.#proxies.has(addressOf(peer))) {
      user.passed(peer);
      return;
    }
    const pending = new PendingConnection(this.#waiting, socket, peer, user);
    pending.setDeadline(HEADER_MS, () => pending.reject('proxy', `no PROXY header within ${HEADER_MS / 1_000}s`));
    const isOptional = this.#isOptional;
    let hasSpoken = false;
    const looks = pending.look({
      seen(bytes) {
        hasSpoken = true;
        const header = parseProxyHeader(bytes);
        if (header.state === 'partial') return bytes.length < LONGEST_PROXY_HEADER;
        if (header.state === 'malformed' && header.reason === 'no PROXY header' && isOptional) {
          pending.leave();
          user.passed(peer);
          return false;
        }
        if (header.state === 'malformed') {
          pending.reject(
            'proxy',
            header.reason === 'no PROXY header' ? header.reason : `a bad PROXY header: ${header.reason}`,
          );
          return false;
        }
        try {
          pending.take(header.length);
        } catch (error) {
          pending.fail(error as Error);
          return false;
        }
        pending.leave();
        const { address, port } = header;
        user.passed(address === undefined ? peer : { kind: 'ip', address, port });
        return false;
      },
      over: () =>
        hasSpoken
          ? pending.reject('proxy', 'closed before the end of its PROXY header')
          : pending.reject('probe', 'closed before any data'),
    });
    // A socket that is already closed has no descriptor.
    if (!looks) pending.drop();
  }

  /** Closes the connections that have not passed. */
  close(): void {
    this.#waiting.close();
  }
}
