/** The stages that a connection passes between its listener and its transport. */
import { closeSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { CheckAddress, PipelineOptions } from '../listen-options.ts';
import { type Peer, peerFields, peerOf } from '../peer.ts';
import { ProxyStage } from '../proxy/stage.ts';
import type { Transport } from '../stream/transport.ts';
import { Connection } from '../tcp/connection.ts';
import { adoptTcp } from '../tcp/tcp.ts';
import type { TlsStage } from '../tls/stage.ts';
import { AddressList } from './address-list.ts';
import { LocalUserStage } from './local-user.ts';
import type { StageUser, UnwelcomeReason } from './stage.ts';

/** A connection that has passed. */
export interface Arrival {
  readonly transport: Transport;
  readonly peer: Peer;
  /** The ticket that the address check returned. */
  readonly ticket: object | undefined;
}

/** The stages of one listener: none, or one for a local user or for PROXY headers, and after it one for TLS. */
export class ListenerPipeline {
  readonly tls: TlsStage | undefined;
  readonly #first: ProxyStage | LocalUserStage | undefined;
  readonly #checkAddress: CheckAddress | undefined;

  private constructor(
    first: ProxyStage | LocalUserStage | undefined,
    tls: TlsStage | undefined,
    checkAddress: CheckAddress | undefined,
  ) {
    this.#first = first;
    this.tls = tls;
    this.#checkAddress = checkAddress;
  }

  /**
   * @throws (rejects) TelptyError `ERR_INVALID_ARGUMENT`; `ERR_PTY_UNSUPPORTED` if a stage needs the addon and it is
   *   missing.
   */
  static async open({ tls, proxyProtocol, checkAddress, localUser }: PipelineOptions): Promise<ListenerPipeline> {
    const proxies = proxyProtocol?.length ? new ProxyStage(AddressList.parse(proxyProtocol)) : undefined;
    const locals = localUser === undefined ? undefined : new LocalUserStage(localUser, { isQuiet: tls !== undefined });
    // Loaded on demand: Node's TLS and OpenSSL are larger than the rest of a server.
    const stage = tls && new (await import('../tls/stage.ts')).TlsStage(tls);
    return new ListenerPipeline(proxies ?? locals, stage, checkAddress);
  }

  /** Takes an accepted connection. */
  enter(socket: Socket, user: StageUser<Arrival>): void {
    if (this.#first === undefined) this.receive(socket, peerOf(socket), user);
    else this.#first.enter(socket, { ...outcomes(user), passed: peer => this.receive(socket, peer, user) });
  }

  /** Closes the pending connections. */
  close(): void {
    this.#first?.close();
    this.tls?.close();
  }

  /** Whether no stage needs a socket of Node.js: then {@link enterDescriptor} may be called. */
  get takesDescriptors(): boolean {
    return this.#first === undefined && this.tls === undefined;
  }

  /** As {@link enter}, for a connection without a socket of Node.js. */
  enterDescriptor(fd: number, peer: Peer, user: StageUser<Arrival>): void {
    const ticket = this.#check(peer, user);
    if (typeof ticket === 'string') {
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
    user.passed({ transport, peer, ticket });
  }

  /** @returns the ticket, if there is one, or the reason of a refusal that has already been reported. */
  #check(peer: Peer, user: StageUser<Arrival>): object | UnwelcomeReason | undefined {
    const verdict = this.#checkAddress?.(peerFields(peer));
    if (typeof verdict === 'string') {
      user.refused({ ...peerFields(peer), reason: verdict, message: 'not accepted from this address' });
    }
    return verdict;
  }

  /** Takes a connection whose peer is known, such as one from another process. */
  receive(socket: Socket, peer: Peer, user: StageUser<Arrival>): void {
    const ticket = this.#check(peer, user);
    if (typeof ticket === 'string') {
      socket.destroy();
      return;
    }
    // Traffic that stays on this machine is not encrypted.
    if (this.tls !== undefined && peer.kind === 'ip') {
      this.tls.enter(socket, peer, {
        ...outcomes(user),
        passed: transport => user.passed({ transport, peer, ticket }),
      });
      return;
    }
    let transport: Transport;
    try {
      transport = adoptTcp(socket);
    } catch (error) {
      user.failed(error as Error);
      return;
    }
    user.passed({ transport, peer, ticket });
  }
}

/** The results that a stage passes on unchanged. */
function outcomes(user: StageUser<Arrival>): Pick<StageUser<never>, 'refused' | 'failed'> {
  return { refused: refusal => user.refused(refusal), failed: error => user.failed(error) };
}
