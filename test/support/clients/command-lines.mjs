/**
 * Runs command lines of telpty one after the other in this process, as test/support/clients/command-lines.ts asks for:
 * `node command-lines.mjs MAIN END LINES`. On both outputs, END and the exit status follow what a command has printed.
 */
import { writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [node, , main, end, lines] = process.argv;
const { href } = pathToFileURL(main);
// Each command adds its listeners.
process.setMaxListeners(0);

for (const [index, words] of JSON.parse(lines).entries()) {
  process.argv = [node, main, ...words];
  let status;
  process.exit = code => {
    if (status === undefined) {
      status = code ?? process.exitCode ?? 0;
      // A process would be gone.
      for (const stream of [process.stdout, process.stderr]) stream.write = () => true;
    }
    throw new Error('the command has ended');
  };
  try {
    // The query makes it run again; all that it imports is loaded once.
    await import(`${href}?${index}`);
  } catch (error) {
    if (status === undefined) throw error;
  }
  for (const stream of [process.stdout, process.stderr]) {
    delete stream.write;
    stream.removeAllListeners('error');
  }
  for (const event of ['uncaughtException', 'unhandledRejection']) process.removeAllListeners(event);
  for (const descriptor of [1, 2]) writeSync(descriptor, `${end}${status}${end}`);
}
process.reallyExit(0);
