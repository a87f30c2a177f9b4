/**
 * A server in a process of its own, whose memory is the server's alone. By IPC it sends its port; after each message it
 * sends the memory in use after a collection, in bytes, and how many of all sessions so far still exist.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createServer, limit, ptyShell, type Session } from '../../../src/index.ts';

/** What the host answers. */
export interface MemoryReport {
  /** The heap of JavaScript. */
  readonly heap: number;
  /** Memory of buffers, and the external memory that Node and the addon report. */
  readonly external: number;
  /** Sessions that were not collected. */
  readonly sessions: number;
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const sessions: WeakRef<Session>[] = [];
const shell = ptyShell('/bin/sh', ['-c', 'echo ready; exec cat']);
const server = createServer(limit({ maxSessions: 1_000 })(shell));
server.on('session', session => sessions.push(new WeakRef(session)));

process.on('message', () => {
  // A reference that was looked at keeps what it refers to until the end of the job, so this is the first look.
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  const alive = sessions.filter(session => session.deref() !== undefined).length;
  const report: MemoryReport = { heap: heapUsed, external, sessions: alive };
  process.send!(report);
});

process.once('disconnect', () => process.exit());
const { port } = await server.listen({ port: 0 });
process.send!({ port });
