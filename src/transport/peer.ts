/** The other end of a connection. */
import type { Socket } from 'node:net';
import { descriptor } from '../native/node-internals.ts';
import { peerCredentials } from '../native/sockets.ts';
import { normalAddress } from './pre-session/address-list.ts';

/** A client that came over the network. */
export interface IpPeer {
  readonly kind: 'ip';
  readonly address: string;
  readonly port: number | undefined;
  /** The name of the user, if the gateway that accepted the connection has checked it: see `telpty/web`. */
  readonly user?: string | undefined;
}

/** A process on this machine that connected to a UNIX socket. The ids are those at the time of the connection. */
export interface LocalPeer {
  readonly kind: 'local';
  /** `undefined` if the system does not report it. */
  readonly uid: number | undefined;
  /** `undefined` if the system does not report it, or if the process is in another pid namespace. */
  readonly pid: number | undefined;
}

/** The other end of a connection. */
export type Peer = IpPeer | LocalPeer;

/** The fields that describe a peer in sessions and refusals. */
export interface PeerFields {
  readonly peer: Peer;
  /** Only for an IP peer. */
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
}

/** The peer of an accepted connection, with its address in the form in which addresses are compared and logged. */
export function peerOf(socket: Socket): Peer {
  const { remoteAddress, remotePort } = socket;
  return remoteAddress === undefined ? localPeer(descriptor(socket)) : ipPeer(remoteAddress, remotePort);
}

/** The same for a connection without a socket of Node.js. @param address `''` on a UNIX socket. */
export function peerOfDescriptor(fd: number, address: string, port: number): Peer {
  return address === '' ? localPeer(fd) : ipPeer(address, port);
}

function ipPeer(address: string, port: number | undefined): IpPeer {
  return { kind: 'ip', address: normalAddress(address), port };
}

function localPeer(fd: number | undefined): LocalPeer {
  const { uid, pid } = (fd === undefined ? undefined : peerCredentials(fd)) ?? {};
  return { kind: 'local', uid, pid };
}

/** The address of an IP peer; undefined for a local one. */
export function addressOf(peer: Peer | undefined): string | undefined {
  return peer?.kind === 'ip' ? peer.address : undefined;
}

export function peerFields(peer: Peer): PeerFields {
  return { peer, remoteAddress: addressOf(peer), remotePort: peer.kind === 'ip' ? peer.port : undefined };
}
