/** Which clients get a session, how many, and for how long. */
import { flag, type OptionTable } from '../options.ts';
import * as values from '../values.ts';

export const limitOptions = {
  allow: {
    argument: 'CIDR,...|@FILE',
    parse: values.addresses,
    repeatable: true,
    help: 'accept only clients from these addresses and ranges; @FILE has one in each line, and SIGHUP reads it again',
  },
  deny: {
    argument: 'CIDR,...|@FILE',
    parse: values.addresses,
    repeatable: true,
    help: 'reject clients from these addresses and ranges, even if allowed; @FILE as for `--allow`',
  },
  'local-user': {
    argument: 'same|any',
    parse: values.choice('same', 'any'),
    defaultWords: 'same without PROGRAM, else any',
    help: 'local users that may connect; `same`: only the user that the server runs as, and nobody from other machines (Linux)',
  },
  'max-sessions': {
    argument: 'N',
    parse: values.integer(0),
    default: '1000',
    help: 'concurrent sessions; further clients get a message and are closed; 0: no limit',
  },
  'max-per-ip': {
    argument: 'N',
    parse: values.integer(0),
    default: '0',
    defaultWords: 'off',
    help: 'concurrent sessions per address or IPv6 network (/64); further clients get a message and are closed',
  },
  'connect-rate': {
    argument: 'N',
    parse: values.rate,
    default: '0',
    defaultWords: 'off',
    help: 'sustained rate of new connections per second from one address or IPv6 network (/64); 0.1: one in ten seconds',
  },
  'max-negotiating': {
    argument: 'N',
    parse: values.integer(0),
    default: '512',
    help: 'concurrent connections whose program does not run yet; further clients get a message and are closed; 0: no limit',
  },
  'robot-check': {
    ...flag,
    help: 'start the program only for terminals that report their cursor position, or after the user has typed two given words',
  },
  'idle-timeout': {
    argument: 'T',
    parse: values.duration(Number.MAX_SAFE_INTEGER),
    default: '0',
    defaultWords: 'off',
    help: 'end a session without input after this time',
  },
  'session-timeout': {
    argument: 'T',
    parse: values.duration(Number.MAX_SAFE_INTEGER),
    default: '0',
    defaultWords: 'off',
    help: 'end any session after this time',
  },
} as const satisfies OptionTable;
