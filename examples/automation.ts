/**
 * Logs in to several machines at once, runs df there, and prints how full their disks are: `connect()`, `login()`,
 * `exec()`.
 *
 *     PASSWORD=… npx tsx examples/automation.ts ada@192.0.2.1 ada@192.0.2.2:2323
 */
import { connect, TelptyError } from 'telpty';

/** Time limit of each step (connection, prompt, answer) in milliseconds. */
const timeout = 5_000;

interface Disk {
  readonly mount: string;
  readonly size: string;
  /** Per cent. */
  readonly used: number;
}

/** Parses the output of `df -hP`: file system, size, used, available, per cent, mount point. */
function parse(table: string): Disk[] {
  return table.split('\n').flatMap(line => {
    const [, size, used, mount] = /^\S+ +(\S+) +\S+ +\S+ +(\d+)% (.+)$/.exec(line) ?? [];
    return mount === undefined ? [] : [{ mount, size: size!, used: Number(used) }];
  });
}

async function disks(username: string, host: string, port: number): Promise<Disk[]> {
  const session = await connect({ host, port, timeout });
  try {
    await session.login({ username, password: process.env.PASSWORD, timeout });
    const table = await session.exec('df -hP', { timeout });
    session.sendLine('exit');
    return parse(table);
  } finally {
    session.end();
  }
}

/** Prints one line for a machine: its disks, or the error. */
async function report(target: string): Promise<void> {
  const [, username, host, port = '23'] = /^(.+)@([^:]+)(?::(\d+))?$/.exec(target) ?? [];
  if (username === undefined || host === undefined) throw new Error(`not USER@HOST[:PORT]: ${target}`);
  try {
    const found = await disks(username, host, Number(port));
    console.log(`${target}: ${found.map(({ mount, size, used }) => `${mount} ${used}% of ${size}`).join(', ')}`);
  } catch (error) {
    if (!(error instanceof TelptyError)) throw error;
    console.error(`${target}: ${error.message} (${error.code})`);
    process.exitCode = 1;
  }
}

await Promise.all(process.argv.slice(2).map(report));
