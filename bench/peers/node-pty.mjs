// net and node-pty joined in the obvious way: what one gets without a server such as this. Without Telnet.
import { createRequire } from 'node:module';
import { createServer } from 'node:net';

const pty = createRequire(import.meta.url)('node-pty');
const [port, program] = process.argv.slice(2);
createServer({ noDelay: true }, socket => {
  const terminal = pty.spawn(program, [], { name: 'xterm-256color', cols: 80, rows: 24, encoding: null });
  terminal.onData(bytes => socket.write(bytes));
  socket.on('data', bytes => terminal.write(bytes));
  terminal.onExit(() => socket.end());
  socket.on('error', () => {});
  socket.on('close', () => {
    try {
      terminal.kill();
    } catch {
      // It has exited.
    }
  });
}).listen(Number(port), '127.0.0.1');
