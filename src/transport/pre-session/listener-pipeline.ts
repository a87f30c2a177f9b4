/** The way of a connection from a listener to a transport. */
import { closeSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { EntranceOptions, Knock } from '../listen-options.ts';
import { type Peer, peerFields, peerOf } from '../peer.ts';
import { ProxyGate } from '../proxy/stage.ts';
import type { Transport } from '../stream/transport.ts';
import { Connection } from '../tcp/connection.ts';
import { adoptTcp } from '../tcp/tcp.ts';
import type { TlsGate } from '../tls/stage.ts';
import { AddressList } from './address-list.ts';
import { LocalUserGate } from './local-user.ts';
import type { GateUser } from './stage.ts';

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
    const proxies = proxyProtocol?.length ? new ProxyGate(AddressList.parse(proxyProtocol)) : undefined;
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
