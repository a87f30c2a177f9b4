import { OPTION, page, type Script } from './device.ts';

export const JUNOS_ROUTES = Array.from(
  { length: 70 },
  (_, index) =>
    `10.0.${index}.0/24       *[Static/5] 3w2d 01:02:03\r\n                    > to 192.0.2.1 via ge-0/0/0.0`,
).flatMap(entry => entry.split('\r\n'));

const PAGER = {
  rows: 23,
  more: (percent: number) => `---(more ${percent}%)---`,
  erase: `\r${' '.repeat(40)}\r`,
};

/** A router with Junos: lines of output that begin with `>`, a pager that counts, `[edit]` above the prompt. */
export function junos({ username = 'ada', password = 'secret' } = {}): Script {
  return async line => {
    line.command(253, OPTION.TERMINAL_TYPE);
    line.command(251, OPTION.ECHO);
    line.command(251, OPTION.SUPPRESS_GO_AHEAD);
    line.print('\r\nr1 (ttyp0)\r\n\r\n');
    for (;;) {
      line.print('login: ');
      const name = await line.readLine();
      line.print('Password:');
      const given = await line.readLine({ echo: 'off' });
      await line.busy(20);
      if (name === username && given === password) break;
      line.print('\r\nLogin incorrect\r\n');
    }
    line.print('\r\n\r\nLast login: Mon Mar  1 09:15:41 from 192.0.2.9\r\n');
    line.print('--- JUNOS 21.4R3.15 Kernel 64-bit XEN JNPR-12.1-20220420 built 2022-04-20\r\n');
    let mark = '>';
    let pager: typeof PAGER | undefined = PAGER;
    for (;;) {
      if (mark === '#') line.print('\r\n[edit]\r\n');
      // The prompt is drawn with the line editor's bell-free redraw: return, text, erase to the end.
      line.print(`\r${username}@r1${mark} \x1b[K`);
      const command = await line.readLine();
      if (command === 'exit' && mark === '>') return;
      if (command === 'exit') {
        line.print('Exiting configuration mode\r\n');
        mark = '>';
      } else if (command === 'configure') {
        line.print('Entering configuration mode\r\n');
        mark = '#';
      } else if (command === 'set cli screen-length 0') {
        line.print('Screen length set to 0\r\n');
        pager = undefined;
      } else if (command === 'show route') await page(line, JUNOS_ROUTES, pager);
      else if (command === 'show route | no-more') await page(line, JUNOS_ROUTES, undefined);
      else if (command !== '') line.print('                ^\r\nunknown command.\r\n');
    }
  };
}
