import { OPTION, page, type Script } from './device.ts';

export const PROCURVE_STATUS = Array.from(
  { length: 40 },
  (_, index) =>
    `  ${String(index + 1).padEnd(6)} 100/1000T  | No        Yes     ${index % 4 === 0 ? 'Up  ' : 'Down'} 1000FDx    Auto  off  0`,
);

const PAGER = {
  rows: 21,
  more: () => '-- MORE --, next page: Space, next line: Enter, quit: Control-C',
  erase: '\r\x1b[K',
};

/**
 * A switch with HP ProCurve: the login starts after a key, and the prompt is repeatedly placed on the last row.
 */
export function procurve({ password = 'secret' } = {}): Script {
  return async line => {
    line.command(251, OPTION.ECHO);
    line.command(251, OPTION.SUPPRESS_GO_AHEAD);
    line.command(253, OPTION.TERMINAL_TYPE);
    line.print(
      '\x1b[2J\x1b[?7l\x1b[3;23r\x1b[?6l\x1b[1;1H\x1b[?25l\x1b[1;1HProCurve J9019B Switch 2510B-24\r\nFirmware revision Q.11.17\r\n\r\n',
    );
    line.print('\x1b[1;13HPress any key to continue\x1b[13;1H\x1b[?25h\x1b[13;27H');
    await line.readKey();
    line.print('\x1b[2J\x1b[?7l\x1b[1;24r\x1b[24;1HPassword: \x1b[24;1H\x1b[?25h\x1b[24;11H');
    if ((await line.readLine({ echo: 'off' })) !== password) {
      line.print('\r\nInvalid password\r\n');
      return;
    }
    const prompt =
      '\x1b[1;24r\x1b[24;1H\x1b[24;1H\x1b[2K\x1b[24;1H\x1b[?25h\x1b[24;1H\x1b[24;1Hsw2# \x1b[24;1H\x1b[24;6H\x1b[24;1H\x1b[?25h\x1b[24;6H';
    let pager: typeof PAGER | undefined = PAGER;
    for (;;) {
      await line.printPieces(prompt.slice(0, 40), prompt.slice(40));
      const command = await line.readLine();
      line.print('\x1b[24;1H\x1b[?25h\x1b[24;6H\r\n\x1b[1;24r\x1b[24;1H');
      if (command === 'logout') return;
      if (command === 'no page') pager = undefined;
      else if (command === 'show interfaces brief') await page(line, PROCURVE_STATUS, pager);
      else if (command !== '') line.print(`Invalid input: ${command}\r\n`);
    }
  };
}
