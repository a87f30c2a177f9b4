import { requireTool } from '../system/tools.ts';
import { Inetd } from './inetd.ts';

/** What is started for a connection, by what runs in the place of login(1). */
const SERVERS = {
  /** GNU's; it cuts the command at spaces. */
  gnu: (command: string) => [requireTool('telnetd'), '-h', '-E', command],
  /** Busybox's; the command is one word, the path of a program. */
  busybox: (command: string) => [requireTool('busybox'), 'telnetd', '-i', '-f', '/dev/null', '-l', command],
} as const;

/** A telnetd, one process for each connection: `await using telnetd = await Telnetd.start(command)`. */
export const Telnetd = {
  start(command: string, which: keyof typeof SERVERS = 'gnu'): Promise<Inetd> {
    return Inetd.start(SERVERS[which](command));
  },
};
