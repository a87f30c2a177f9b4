/**
 * What signals mean: SIGTERM and SIGINT stop the server, SIGHUP reloads.
 *
 * SIGHUP is also what the kernel and the shell send when a terminal is closed, and then a server that was started in it by
 * hand shall end. The two are told apart by whether there still is a terminal: the kernel takes it away before it sends
 * the signal. A server that has no descriptor on the terminal, as `nohup` sees to, was meant to outlive it; whether SIGHUP
 * was ignored at the start cannot be asked, for Node.js resets that.
 */
import { closeSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';
import { addon } from '../../native/load.ts';

/** What signals do. */
export interface SignalActions {
  /** SIGTERM, SIGINT, or SIGHUP because the terminal is gone, which the name then says; each time. */
  stop(signal: string): void;
  reload(): void;
}

/** From now on signals do this. There must be the addon. */
export function onSignals(actions: SignalActions): void {
  const onTerminal = [0, 1, 2].filter(fd => isatty(fd));
  const attended = onTerminal.length > 0 && hasTerminal();
  process.on('SIGTERM', signal => actions.stop(signal));
  process.on('SIGINT', signal => actions.stop(signal));
  process.on('SIGHUP', signal => {
    if (!attended || hasTerminal()) {
      actions.reload();
      return;
    }
    // At its end Node.js sets the modes that it found, and where that is no longer possible, it aborts.
    for (const fd of onTerminal) addon().replaceDescriptor(fd, '/dev/null');
    actions.stop(`${signal}, the terminal is gone`);
  });
}

/** Whether this process has a controlling terminal. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
