import { OPTION, type Script } from './device.ts';

/** BusyBox: telnetd, login and ash, whose line editor asks the terminal for the cursor position at every prompt. */
export function busybox({ username = 'root', password = 'secret' } = {}): Script {
  return async line => {
    line.command(253, OPTION.ECHO);
    line.command(253, OPTION.NAWS);
    line.command(251, OPTION.ECHO);
    line.command(251, OPTION.SUPPRESS_GO_AHEAD);
    for (;;) {
      line.print('\r\nbox login: ');
      const name = await line.readLine();
      line.print('Password: ');
      const given = await line.readLine({ echo: 'off' });
      line.print('\r\n');
      if (name === username && given === password) break;
      await line.busy(30);
      line.print('Login incorrect\r\n');
    }
    line.print('\r\n\r\nBusyBox v1.36.1 (2023-11-06 10:00:00 UTC) built-in shell (ash)\r\n');
    line.print("Enter 'help' for a list of built-in commands.\r\n\r\n");
    for (;;) {
      line.print('~ # \x1b[6n');
      let command = '';
      for (let key = await line.readKey(); key !== '\r'; key = await line.readKey()) {
        if (key === '\x1b') while (!/[A-Za-z]/.test(await line.readKey()));
        else {
          command += key;
          line.print(key);
        }
      }
      line.print('\r\n');
      if (command === 'exit') return;
      if (command === 'df') {
        line.print('Filesystem           1K-blocks      Used Available Use% Mounted on\r\n');
        // A program that pauses after text that looks like a prompt.
        await line.printPieces('/dev/root                 6144      6144         0 100% ', '/\r\n');
        line.print('tmpfs                    61540       312     61228   1% /tmp\r\n');
      } else if (command === 'printf x') line.print('x');
      else if (command !== '') line.print(`-sh: ${command}: not found\r\n`);
    }
  };
}
