/**
 * Handles signals: SIGTERM and SIGINT stop the server, SIGHUP reloads.
 *
 * The kernel and the shell also send SIGHUP when a terminal is closed, and then a server that was started in it by
 * hand must end. The two cases are distinguished by whether the terminal still exists: the kernel takes it away before
 * it sends the signal. A server without a descriptor on the terminal, as `nohup` arranges, was meant to outlive it.
 * Whether SIGHUP was ignored at the start cannot be determined, because Node.js resets that.
 */
import { closeSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';
import { addon } from '../../native/load.ts';

/** The actions of the signals. */
export interface SignalActions {
  /** Called for each SIGTERM, each SIGINT, and each SIGHUP after the terminal is gone, which `signal` then says. */
  stop(signal: string): void;
  reload(): void;
}

/** Installs the handlers. The addon must be available. */
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
    // When it exits, Node.js restores the modes that it found; it aborts if that is no longer possible.
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
