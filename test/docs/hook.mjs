// Loaded before each program of docs/library.md that is run: sends the port of its server to the test.
import { Server } from 'telpty';

const { listen } = Server.prototype;
Server.prototype.listen = async function (options) {
  const where = await listen.call(this, options);
  process.send(where.port);
  return where;
};
