/** The way of a connection from a listener to a transport. */
import { closeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { check, checkFunction } from '../../check.ts';
import type { LocalSocketOptions } from '../local.ts';
import { type Peer, type PeerFields, peerFields, peerOf } from '../peer.ts';
import { ProxyGate } from '../proxy/stage.ts';
import type { Transport } from '../stream/transport.ts';
import { Connection } from '../tcp/connection.ts';
import { adoptTcp, type TcpListenOptions } from '../tcp/tcp.ts';
import type { TlsOptions } from '../tls/options.ts';
import type { TlsGate } from '../tls/stage.ts';
import { AddressList } from './address-list.ts';
import { LocalUserGate } from './local-user.ts';
import type { GateUser, UnwelcomeReason } from './stage.ts';

/** Where to listen, and how those who come are received. */
export interface ListenOptions extends TcpListenOptions {
  /** Speak TLS. */
  readonly tls?: TlsOptions | undefined;
  /**
   * Addresses and CIDR ranges of proxies: they must send a PROXY header (version 1 or 2) in front of everything else, TLS
   * included, and the address in it is the client's. Nobody else may.
   */
  readonly proxyProtocol?: readonly string[] | undefined;
  /**
   * Asked about each connection as soon as the client's address is known, before a TLS handshake is spent on it: what is
   * said against the address, if anything. It is closed without a word then.
   */
  readonly knock?: Knock | undefined;
}

/** Asked about a client before it becomes a session: what is said against it, if anything. */
export type Knock = (client: PeerFields) => UnwelcomeReason | undefined;

/** Listening on a UNIX socket, where neither TLS nor proxies are of use. */
export interface LocalListenOptions extends LocalSocketOptions {
  /** Asked about each connection: what is said against its user, if anything. It is closed without a word then. */
  readonly knock?: Knock | undefined;
}

/** And what is only for `telpty serve`. */
export interface EntranceOptions extends Pick<ListenOptions, 'tls' | 'proxyProtocol' | 'knock'> {
  /** Only processes of this machine with this user id are let in (on ports: Linux). */
  readonly localUser?: number | undefined;
}

/** A listener of `telpty serve`. */
export type ListenerOptions = (ListenOptions | LocalListenOptions) & Pick<EntranceOptions, 'localUser'>;

/** What has come through. */
export interface Arrival {
  readonly transport: Transport;
  readonly peer: Peer;
}

/** What stands before one listener: nothing, or a gate for one user or for PROXY headers, and behind it one for TLS. */
export class Entrance {
  readonly tls: TlsGate | undefined;
  readonly #first: ProxyGate | LocalUserGate | undefined;
  readonly #knock: Knock | undefined;

  private constructor(
    first: ProxyGate | LocalUserGate | undefined,
    tls: TlsGate | undefined,
    knock: Knock | undefined,
  ) {
    this.#first = first;
    this.tls = tls;
    this.#knock = knock;
  }

  /** @throws (rejects) TelptyError `ERR_INVALID_ARGUMENT`; `ERR_PTY_UNSUPPORTED` for what needs the addon where there is none. */
  static async open({ tls, proxyProtocol, knock, localUser }: EntranceOptions): Promise<Entrance> {
    if (knock !== undefined) checkFunction('knock', knock);
    check(proxyProtocol === undefined || Array.isArray(proxyProtocol), 'proxyProtocol must be an array of addresses');
    const proxies = proxyProtocol?.length ? new ProxyGate(AddressList.parse(proxyProtocol)) : undefined;
    // Behind a proxy the process at the other end is always the proxy.
    check(proxies === undefined || localUser === undefined, 'localUser cannot be told behind a proxy');
    const locals = localUser === undefined ? undefined : new LocalUserGate(localUser, { isQuiet: tls !== undefined });
    // Loaded by those who want it: Node's TLS and OpenSSL are more than the rest of a server.
    const gate = tls && new (await import('../tls/stage.ts')).TlsGate(tls);
    return new Entrance(proxies ?? locals, gate, knock);
  }

  /** Takes a connection that was accepted. */
  enter(socket: Socket, user: GateUser<Arrival>): void {
    if (this.#first === undefined) this.receive(socket, peerOf(socket), user);
    else this.#first.enter(socket, { ...outcomes(user), passed: peer => this.receive(socket, peer, user) });
  }

  /** Closes the connections that have not come through. */
  close(): void {
    this.#first?.close();
    this.tls?.close();
  }

  /** Whether nothing here needs a socket of Node.js: then {@link enterDescriptor} may be called. */
  get takesDescriptors(): boolean {
    return this.#first === undefined && this.tls === undefined;
  }

  /** As {@link enter}, for a connection that is not a socket of Node.js. */
  enterDescriptor(fd: number, peer: Peer, user: GateUser<Arrival>): void {
    if (this.#isUnwelcome(peer, user)) {
      closeSync(fd);
      return;
    }
    let transport: Transport;
    try {
      transport = new Connection(fd, false);
    } catch (error) {
      user.failed(error as Error);
      return;
    }
    user.passed({ transport, peer });
  }

  #isUnwelcome(peer: Peer, user: GateUser<Arrival>): boolean {
    const reason = this.#knock?.(peerFields(peer));
    if (reason === undefined) return false;
    user.refused({ ...peerFields(peer), reason, message: 'not taken from this address' });
    return true;
  }

  /** Takes a connection whose peer is known, as one that comes from another process. */
  receive(socket: Socket, peer: Peer, user: GateUser<Arrival>): void {
    if (this.#isUnwelcome(peer, user)) {
      socket.destroy();
      return;
    }
    // What stays on this machine is not encrypted.
    if (this.tls !== undefined && peer.kind === 'ip') {
      this.tls.enter(socket, peer, { ...outcomes(user), passed: transport => user.passed({ transport, peer }) });
      return;
    }
    let transport: Transport;
    try {
      transport = adoptTcp(socket);
    } catch (error) {
      user.failed(error as Error);
      return;
    }
    user.passed({ transport, peer });
  }
}

/** What a gate in between does not concern itself with. */
function outcomes(user: GateUser<Arrival>): Pick<GateUser<never>, 'refused' | 'failed'> {
  return { refused: refusal => user.refused(refusal), failed: error => user.failed(error) };
}
