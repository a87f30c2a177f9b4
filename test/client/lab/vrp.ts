import { OPTION, page, type Script } from './device.ts';

export const VRP_INTERFACES = [
  'PHY: Physical',
  '*down: administratively down',
  'Interface                   PHY   Protocol  InUti OutUti   inErrors  outErrors',
  ...Array.from({ length: 52 }, (_, index) => {
    const name = `GigabitEthernet0/0/${index + 1}`.padEnd(28);
    return `${name}${index % 3 === 0 ? 'up' : 'down'}    ${index % 3 === 0 ? 'up' : 'down'}           0%     0%          0          0`;
  }),
];

const PAGER = { rows: 21, more: () => '  ---- More ----', erase: `\x1b[42D${' '.repeat(42)}\x1b[42D` };

/**
 * A switch with Huawei VRP: prompts in angle and square brackets, a pager that moves the cursor, a question that
 * expects `y` or `n`.
 */
export function vrp({ username = 'ada', password = 'secret' } = {}): Script {
  return async line => {
    line.command(251, OPTION.ECHO);
    line.command(251, OPTION.SUPPRESS_GO_AHEAD);
    line.command(253, OPTION.NAWS);
    line.print('\r\nWarning: Telnet is not a secure protocol, and it is recommended to use Stelnet.\r\n');
    line.print('\r\nLogin authentication\r\n\r\n\r\nUsername:');
    const name = await line.readLine();
    await line.printPieces('Pass', 'word:');
    const given = await line.readLine({ echo: 'off' });
    line.print('\r\n');
    if (name !== username || given !== password) {
      line.print('Error: The username or password is invalid.\r\nUsername:');
      await line.readLine();
      return;
    }
    line.print(
      'Info: The max number of VTY users is 5, and the number\r\n      of current VTY users on line is 1.\r\n',
    );
    line.print('      The current login time is 2026-03-01 09:15:41.\r\n');
    let prompt = '<HUAWEI>';
    let pager: typeof PAGER | undefined = PAGER;
    for (;;) {
      line.print(prompt);
      const command = await line.readLine();
      if (command === 'quit' && prompt === '<HUAWEI>') {
        // The last byte and the end of the connection arrive together.
        line.print('Info: Configuration console exit, please retry to log on\r\n');
        return;
      }
      if (command === 'quit' || command === 'return') prompt = '<HUAWEI>';
      else if (command === 'screen-length 0 temporary') {
        pager = undefined;
        line.print('Info: The configuration takes effect on the current user terminal interface only.\r\n');
      } else if (command === 'system-view') {
        line.print('Enter system view, return user view with Ctrl+Z.\r\n');
        prompt = '[HUAWEI]';
      } else if (command.startsWith('interface ')) prompt = `[HUAWEI-${command.slice(10)}]`;
      else if (command === 'display interface brief') await page(line, VRP_INTERFACES, pager);
      else if (command === 'display version')
        line.print('Huawei Versatile Routing Platform Software\r\nVRP (R) software\r\n');
      else if (command === 'save') {
        line.print('The current configuration will be written to the device.\r\nAre you sure to continue?[Y/N]');
        const answer = await line.readLine();
        if (answer.toLowerCase() === 'y') line.print('Save the configuration successfully.\r\n');
      } else if (command !== '') line.print("Error: Unrecognized command found at '^' position.\r\n");
    }
  };
}
