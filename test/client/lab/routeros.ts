import { OPTION, type Script } from './device.ts';

/**
 * A router with MikroTik RouterOS. It asks the terminal for the cursor position, colours each word, draws the prompt
 * several times, and draws the line again at each key instead of echoing it.
 */
export function routeros({ username = 'admin', password = '' } = {}): Script {
  return async line => {
    line.command(251, OPTION.ECHO);
    line.command(251, OPTION.SUPPRESS_GO_AHEAD);
    line.command(253, OPTION.TERMINAL_TYPE);
    line.command(253, OPTION.NAWS);
    for (;;) {
      line.print('MikroTik v6.49.10 (stable)\r\n\rLogin: ');
      const name = await line.readLine();
      line.print('Password: ');
      const given = await line.readLine({ echo: 'off' });
      line.print('\r\n');
      if (name === username && given === password) break;
      line.print('\rLogin failed, incorrect username or password\r\n\r\n');
    }
    line.print('\r\n\r\n  MMM      MMM       KKK                          TTTTTTTTTTT\r\n\r\n');
    line.print('[?]             Gives the list of available commands\r\n\r\n');
    line.print('\x1b[9999B\x1b[6n');
    const prompt = '\x1b[m[\x1b[36;1madmin\x1b[m@\x1b[35;1mMikroTik\x1b[m] > ';
    for (;;) {
      await line.printPieces(`\r\x1b[K${prompt}`, `\r\x1b[K\r${prompt}`, `\r\x1b[K${prompt}\x1b[K`);
      let command = '';
      for (let key = await line.readKey(); key !== '\r'; key = await line.readKey()) {
        if (key === '\x1b') {
          // The terminal's answer with the cursor position.
          while (!/[A-Za-z]/.test(await line.readKey()));
          continue;
        }
        command += key;
        line.print(`\r${prompt}\x1b[m\x1b[32m${command}\x1b[m\x1b[K`);
      }
      line.print('\r\n');
      if (command === '/quit') {
        line.print('\rinterrupted\r\n');
        return;
      }
      if (command === '/system identity print') line.print('  \x1b[m\x1b[32mname\x1b[m: MikroTik\r\n');
      else if (command === '/ip address print') {
        line.print('Flags: X - disabled, I - invalid, D - dynamic\r\n');
        line.print(' #   ADDRESS            NETWORK         INTERFACE\r\n');
        line.print(' 0   192.0.2.1/24       192.0.2.0       ether1\r\n');
      } else if (command !== '') line.print(`\x1b[m\x1b[31;1mbad command name ${command}\x1b[m (line 1 column 1)\r\n`);
    }
  };
}
