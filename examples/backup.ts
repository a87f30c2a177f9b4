/**
 * Prints the configuration of a switch with a pager and an `enable` password, such as Cisco IOS: `enable()`, `exec()`
 * with `pager`.
 *
 *     PASSWORD=… ENABLE=… npx tsx examples/backup.ts ada@192.0.2.10 > sw1.cfg
 */
import { connect, TelptyError } from 'telpty';

/** Time limit of each step (connection, prompt, answer) in milliseconds. */
const timeout = 10_000;

async function configuration(username: string, host: string, port: number): Promise<string> {
  const session = await connect({ host, port, timeout });
  try {
    await session.login({ username, password: process.env.PASSWORD, timeout });
    await session.enable({ password: process.env.ENABLE, timeout });
    return await session.exec('show running-config', { pager: true, timeout });
  } finally {
    session.destroy();
  }
}

const [target = ''] = process.argv.slice(2);
const [, username, host, port = '23'] = /^(.+)@([^:]+)(?::(\d+))?$/.exec(target) ?? [];
if (username === undefined || host === undefined) {
  console.error('usage: backup.ts USER@HOST[:PORT]');
  process.exit(2);
}
try {
  process.stdout.write(await configuration(username, host, Number(port)));
} catch (error) {
  if (!(error instanceof TelptyError)) throw error;
  console.error(`${target}: ${error.message} (${error.code})`);
  process.exitCode = 1;
}
