import { type Line, OPTION, page, type Script } from './device.ts';

/** Settings of a switch. */
export interface IosOptions {
  readonly hostname?: string;
  readonly username?: string;
  readonly password?: string;
  readonly secret?: string;
  /** Whether the switch asks for a name or only for a password (`line vty … login`). */
  readonly asksForName?: boolean;
}

/** The configuration that `show running-config` prints. */
export const IOS_CONFIGURATION = [
  'Building configuration...',
  '',
  'Current configuration : 4312 bytes',
  '!',
  'version 15.2',
  'service timestamps log datetime msec',
  'no service password-encryption',
  '!',
  'hostname sw1',
  '!',
  'enable secret 5 $1$mERr$hx5rVt7rPNoS4wqbXKX7m0',
  ...Array.from({ length: 48 }, (_, index) => [
    `interface GigabitEthernet1/0/${index + 1}`,
    ` description desk ${index + 1} -> patch panel #${index + 1}`,
    ' switchport mode access',
    '!',
  ]).flat(),
  'line con 0',
  'line vty 0 4',
  ' login local',
  '!',
  'end',
  '',
];

const PAGER = { rows: 23, more: () => ' --More-- ', erase: '\b'.repeat(10) + ' '.repeat(10) + '\b'.repeat(10) };

/**
 * A switch with Cisco IOS. Its banner has lines that end in `>` and `#`; its prompt has no space after the mark and
 * is sent in two packets; `enable` asks for a second password; a log message is printed after a prompt.
 */
export function ios(options: IosOptions = {}): Script {
  const { hostname = 'sw1', username = 'ada', password = 'secret', secret = 'enable-me', asksForName = true } = options;
  return async line => {
    line.command(251, OPTION.ECHO);
    line.command(251, OPTION.SUPPRESS_GO_AHEAD);
    line.command(253, OPTION.TERMINAL_TYPE);
    line.command(253, OPTION.NAWS);
    line.print('\r\n#########################\r\n# authorized users only #\r\n<< log off now, or else >>\r\n');
    line.print('\r\n\r\nUser Access Verification\r\n\r\n');
    for (let attempt = 1; ; attempt++) {
      const name = asksForName ? await ask(line, 'Username: ') : username;
      const given = await ask(line, 'Password: ', 'off');
      if (name === username && given === password) break;
      line.print(asksForName ? '% Login invalid\r\n\r\n' : '% Bad passwords\r\n');
      if (attempt === 3) return;
    }
    let mark = '>';
    let mode = '';
    let pager: typeof PAGER | undefined = PAGER;
    for (;;) {
      await line.printPieces(hostname, `${mode}${mark}`);
      const command = await line.readLine();
      if (command === '') continue;
      if (command === 'exit' && mode === '') return;
      if (command === 'enable') {
        for (let attempt = 1; mark === '>' && attempt <= 3; attempt++)
          if ((await ask(line, 'Password: ', 'off')) === secret) mark = '#';
        if (mark === '>') line.print('% Bad secrets\r\n\r\n');
      } else if (command === 'disable') mark = '>';
      else if (command === 'terminal length 0') pager = undefined;
      else if (command === 'show running-config' && mark === '#') await page(line, IOS_CONFIGURATION, pager);
      else if (command === 'show clock') line.print('*00:07:13.021 UTC Mon Mar 1 1993\r\n');
      else if (command === 'show mail') line.print('To: <ops@example.net>\r\nsubject #\r\nrouter>\r\nend\r\n');
      else if (command === 'configure terminal' && mark === '#') {
        line.print('Enter configuration commands, one per line.  End with CNTL/Z.\r\n');
        mode = '(config)';
      } else if (command.startsWith('interface ') && mode !== '') mode = '(config-if)';
      else if (command === 'end' && mode !== '') {
        mode = '';
        // The log message is written after the prompt, and the prompt is not shown again.
        await line.printPieces(
          `${hostname}${mark}`,
          '\r\n*Mar  1 00:07:21.113: %SYS-5-CONFIG_I: Configured from console\r\n',
        );
        await line.busy();
      } else if (mode === '') line.print(`Translating "${command}"\r\n% Unknown command or computer name\r\n\r\n`);
    }
  };
}

async function ask(line: Line, question: string, echo?: 'off'): Promise<string> {
  line.print(question);
  const answer = await line.readLine({ echo });
  if (echo === 'off') line.print('\r\n');
  return answer;
}
