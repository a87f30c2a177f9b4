/** Runs the load client against a server. */
import { createInterface } from 'node:readline';
import { binary } from './paths.ts';
import { start, stop } from './processes.ts';
import { onCore, type RunningServer } from './servers.ts';

/** What one run gave: numbers to be compared, and facts about it. `error` if there is nothing to compare. */
export interface Sample {
  readonly [key: string]: number | boolean | string | undefined;
  readonly error?: string;
  /** False if the run stopped at a time limit or was not all answered. */
  readonly complete?: boolean;
}

/**
 * @param onEvent called at each event of the client; when it settles, a client that holds goes on.
 */
export async function load(
  server: RunningServer,
  mode: string,
  options: Readonly<Record<string, string | number>>,
  onEvent: (name: string) => void | Promise<void> = () => {},
): Promise<Sample> {
  const all = server.path === 'proxy' ? { ...options, 'proxy-header': 1 } : options;
  const words = Object.entries(all).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const client = [binary('load'), mode, '--port', String(server.port), '--protocol', server.kind.protocol, ...words];
  const command = [...onCore(server.core), ...client];
  const child = start(command, { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin!.on('error', () => {});
  // Every mode has a limit of its own; this is for a client that does not keep it.
  const guard = setTimeout(() => void stop(child), 120_000);
  let result: Sample = { error: 'the load client gave no result' };
  try {
    for await (const line of createInterface({ input: child.stdout! })) {
      const message = JSON.parse(line) as Sample & { event?: string };
      if (message.event === undefined) {
        result = message;
        continue;
      }
      await onEvent(message.event);
      child.stdin!.write('\n');
    }
  } finally {
    clearTimeout(guard);
    await stop(child);
  }
  return result;
}
