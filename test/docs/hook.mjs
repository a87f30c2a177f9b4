// Loaded in front of each program of docs/library.md that is run: tells the test where its server listens.
import { Server } from 'telpty';

const { listen } = Server.prototype;
Server.prototype.listen = async function (options) {
  const where = await listen.call(this, options);
  process.send(where.port);
  return where;
};
