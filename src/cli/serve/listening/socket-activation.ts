/**
 * Sockets that a service manager has opened for this process (sd_listen_fds(3)): LISTEN_FDS descriptors from 3 on, for
 * the process with the pid LISTEN_PID. The manager keeps them open while one server replaces another, so that clients
 * never find the port closed.
 */
import { TelptyError } from '../../../errors.ts';
import { addon } from '../../../native/load.ts';
import { escapeText } from '../../../shells/output/escape.ts';
import { usage } from '../../options/usage.ts';
import { isForOwnUser, isLoopback, LOOPBACK, NAME_THE_PROGRAM, noSameUser, type ServeSettings } from '../settings.ts';

const FIRST = 3;
/** More sockets than any manager passes; a greater number is a mistake. */
const MOST = 256;

/** An inherited listening socket, with the address that it listens on, or the path of a UNIX socket. */
export type Inherited =
  | { readonly fd: number; readonly address: string }
  | { readonly fd: number; readonly path: string };

const UNIX = 'unix:';

/**
 * The sockets that were passed to this process, each of which must be a listening TCP or UNIX stream socket. The
 * variables are removed from `environment`: they are meant for this process only, and programs do not inherit the
 * descriptors.
 *
 * @throws TelptyError `ERR_RUNTIME` for any other descriptor, and for invalid variables.
 */
export function inheritedSockets(environment: NodeJS.ProcessEnv = process.env, pid = process.pid): Inherited[] {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES = '' } = environment;
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID']) delete environment[name];
  if (LISTEN_FDS === undefined || LISTEN_PID !== String(pid)) return [];
  const count = /^\d{1,9}$/.test(LISTEN_FDS) ? Number(LISTEN_FDS) : Number.NaN;
  if (!(count <= MOST)) {
    throw new TelptyError('ERR_RUNTIME', `LISTEN_FDS: '${escapeText(LISTEN_FDS, 60)}' is not a number up to ${MOST}`);
  }
  const names = LISTEN_FDNAMES.split(':');
  return Array.from({ length: count }, (_, index) => {
    const fd = FIRST + index;
    const address = addon().listenerAddress(fd);
    if (typeof address === 'string')
      return address.startsWith(UNIX) ? { fd, path: address.slice(UNIX.length) } : { fd, address };
    const name = names[index] ? ` (${escapeText(names[index], 60)})` : '';
    const words = 'is not a listening TCP or UNIX stream socket: use ListenStream=, and Accept=no';
    throw new TelptyError('ERR_RUNTIME', `LISTEN_FDS: descriptor ${fd}${name} ${words}`);
  });
}

/**
 * Adjusts the settings to inherited sockets: the server listens where those do. If any of them is not on loopback, the
 * rules for other addresses apply, not those for loopback.
 *
 * @throws TelptyError `ERR_USAGE` as for `--host`.
 */
export function listeningOn(inherited: readonly Inherited[], settings: ServeSettings): ServeSettings {
  if (inherited.length === 0) return settings;
  const addresses = inherited.flatMap(socket => ('address' in socket ? socket.address : []));
  if (addresses.length === 0) {
    const isFor = (given: boolean, option: string) => {
      if (given)
        throw usage(
          `LISTEN_FDS: ${option} has no effect on UNIX sockets, and only UNIX sockets were passed; leave it out`,
        );
    };
    isFor(settings.tlsCert !== undefined, '--tls-cert');
    isFor(settings.proxyProtocol.length > 0, '--proxy-protocol');
    return { ...settings, port: 'none', host: LOOPBACK };
  }
  const host = addresses.find(address => !isLoopback(address)) ?? addresses[0]!;
  if (settings.program === undefined && isForOwnUser(settings) && !isLoopback(host)) {
    throw usage(`LISTEN_FDS: ${host} is not loopback: ${NAME_THE_PROGRAM}`);
  }
  return { ...settings, host };
}

/**
 * Refuses inherited sockets if only the server's own user may connect: connections to such sockets often come from a
 * forwarder (systemd-socket-proxyd, ssh), and then belong to the user of the forwarder instead of the actual user.
 *
 * @throws TelptyError `ERR_USAGE`
 */
export function refuseForwarders(inherited: readonly Inherited[], settings: ServeSettings): void {
  if (inherited.length === 0 || !isForOwnUser(settings)) return;
  const words = 'connections to an inherited socket may come from a forwarder';
  throw usage(`LISTEN_FDS: ${noSameUser(words, settings)}`);
}
