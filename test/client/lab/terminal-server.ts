import { OPTION, type Script } from './device.ts';

/**
 * A terminal server with a router on its serial port. It shows nothing until the Return key is pressed, its line ends
 * are LF CR, and the router at the serial line echoes late and at the speed of that line.
 */
export function terminalServer(): Script {
  return async line => {
    line.command(251, OPTION.ECHO);
    line.command(251, OPTION.SUPPRESS_GO_AHEAD);
    line.command(251, 0);
    await line.readKey();
    await line.busy(20);
    line.print('\n\r');
    for (;;) {
      await line.printPieces('Open', 'Wrt', ':/$', ' ');
      let command = '';
      for (let key = await line.readKey(); key !== '\r'; key = await line.readKey()) command += key;
      // The whole line is echoed at once, when the router processes it.
      await line.busy(30);
      line.print(`${command}\n\r`);
      if (command === 'uptime') await line.printPieces(' 09:15:41 up', ' 3 days,', '  2:11, load average: 0.00\n\r');
      else if (command === 'cat table') line.print('name\tvalue\n\ra\t1\n\r');
      else if (command !== '') line.print(`-ash: ${command}: not found\n\r`);
    }
  };
}
