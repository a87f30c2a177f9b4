/**
 * One of several processes that listen on the same path at the same time: reads `listen PATH` and answers `listening`
 * or the name of the error; at `abandon` it closes the socket and leaves the file there, as a server that was killed
 * does.
 */
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import { listenLocal } from '../../../src/native/sockets.ts';

const { errno } = constants;
let fd = -1;

function listen(path: string): string {
  do fd = listenLocal(path, 0o600, 16);
  while (fd === -errno.EWOULDBLOCK);
  if (fd >= 0) return 'listening';
  return Object.entries(errno).find(([, number]) => number === -fd)?.[0] ?? String(fd);
}

for await (const line of createInterface({ input: process.stdin })) {
  const [order, path = ''] = line.split(' ');
  if (order === 'listen') console.log(listen(path));
  else {
    if (fd >= 0) closeSync(fd);
    fd = -1;
    console.log('abandoned');
  }
}
