import { OPTION, type Script } from './device.ts';

/**
 * Microsoft's Telnet service: it paints a screen. The output of a command is placed at a position on the screen, and
 * line ends are missing.
 */
export function windows({ username = 'ada', password = 'secret' } = {}): Script {
  return async line => {
    line.command(253, 37);
    line.command(251, OPTION.ECHO);
    line.command(251, OPTION.SUPPRESS_GO_AHEAD);
    line.command(253, 39);
    line.command(253, OPTION.NAWS);
    line.command(251, 0);
    line.print('Welcome to Microsoft Telnet Service \r\n\n\rlogin: ');
    const name = await line.readLine();
    line.print('\n\rpassword: ');
    const given = await line.readLine({ echo: 'off' });
    if (name !== username || given !== password) {
      line.print('\n\rThe handle is invalid.\r\n\n\rLogin Failed\r\n\n\rlogin: ');
      await line.readLine();
      return;
    }
    line.print('\x1b[1;1H*===============================================================\x1b[K');
    line.print('\x1b[2;1HMicrosoft Telnet Server.\x1b[K');
    line.print('\x1b[3;1H*===============================================================\x1b[K');
    let row = 4;
    for (;;) {
      await line.printPieces(`\x1b[${row};1HC:\\Users\\ada>`, '\x1b[K');
      const command = await line.readLine();
      if (command === 'exit') return;
      row += 1;
      const answers: Readonly<Record<string, readonly string[]>> = {
        ver: ['', 'Microsoft Windows [Version 6.1.7601]', ''],
        'echo hi': ['hi', ''],
      };
      for (const text of answers[command] ?? [
        `'${command}' is not recognized as an internal or external command.`,
        '',
      ]) {
        line.print(`\x1b[${row};1H${text}\x1b[K`);
        row = Math.min(row + 1, 24);
      }
    }
  };
}
