/**
 * The jobs of test/client/devices.test.ts with npm's telnet-client, to compare: they show what a program gains by
 * moving to telpty. Each job has the options that the README of telnet-client gives for such a device. A job that
 * starts to return the whole output is marked with `isSame`.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Telnet } from 'telnet-client';
import { connect } from '../../src/index.ts';
import { busybox } from '../client/lab/busybox.ts';
import { Device, type Script } from '../client/lab/device.ts';
import { ios } from '../client/lab/ios.ts';
import { JUNOS_ROUTES, junos } from '../client/lab/junos.ts';
import { routeros } from '../client/lab/routeros.ts';
import { terminalServer } from '../client/lab/terminal-server.ts';
import { VRP_INTERFACES, vrp } from '../client/lab/vrp.ts';
import { windows } from '../client/lab/windows.ts';

interface Job {
  readonly script: Script;
  readonly options: { readonly username?: string; readonly password?: string; readonly [name: string]: unknown };
  readonly command: string;
  /** The lines that the command prints. */
  readonly output: readonly string[];
  /** Whether telnet-client returns the whole output and nothing else. */
  readonly isSame?: true;
}

/** The timeout of telnet-client, in milliseconds; it fails only after this time. */
const TIMEOUT = 2_000;

const ADA = {
  username: 'ada',
  password: 'secret',
  loginPrompt: /(?:login|Username): ?$/i,
  passwordPrompt: /Password: ?$/i,
};
const JOBS: Readonly<Record<string, Job>> = {
  'a command on IOS': {
    script: ios(),
    options: { ...ADA, shellPrompt: /sw1[>#]$/ },
    command: 'show clock',
    output: ['*00:07:13.021 UTC Mon Mar 1 1993'],
  },
  'output that contains lines like the prompt, on IOS': {
    script: ios(),
    options: { ...ADA, shellPrompt: /[>#]$/ },
    command: 'show mail',
    output: ['To: <ops@example.net>', 'subject #', 'router>', 'end'],
  },
  'a table through a pager, on VRP': {
    script: vrp(),
    options: { ...ADA, shellPrompt: /<HUAWEI>$/, pageSeparator: '  ---- More ----' },
    command: 'display interface brief',
    output: VRP_INTERFACES,
  },
  'routes through a pager, on Junos': {
    script: junos(),
    options: { ...ADA, shellPrompt: /ada@r1> /, pageSeparator: /---\(more \d+%\)---/ },
    command: 'show route',
    output: JUNOS_ROUTES,
  },
  'coloured output, on RouterOS': {
    script: routeros(),
    options: {
      username: 'admin',
      password: '',
      loginPrompt: /Login: $/,
      passwordPrompt: /Password: $/,
      shellPrompt: /\] > /,
      stripControls: true,
    },
    command: '/system identity print',
    output: ['  name: MikroTik'],
  },
  'a full disk, on BusyBox': {
    script: busybox(),
    options: { ...ADA, username: 'root', shellPrompt: /[#%] (?:\x1b\[6n)?$/ },
    command: 'df',
    output: [
      'Filesystem           1K-blocks      Used Available Use% Mounted on',
      '/dev/root                 6144      6144         0 100% /',
      'tmpfs                    61540       312     61228   1% /tmp',
    ],
  },
  'a router behind a terminal server': {
    script: terminalServer(),
    options: { initialLFCR: true, negotiationMandatory: false, disableLogon: true, shellPrompt: /:\/\$ $/ },
    command: 'uptime',
    output: [' 09:15:41 up 3 days,  2:11, load average: 0.00'],
  },
  "a command on Microsoft's Telnet service": {
    script: windows(),
    options: { ...ADA, shellPrompt: /C:\\Users\\ada>$/, stripControls: true },
    command: 'echo hi',
    output: ['hi'],
  },
};

/** Runs a job with telnet-client. Returns the output without surrounding whitespace, or the error. */
async function withTelnetClient({ options, command }: Job, port: number): Promise<string> {
  const client = new Telnet();
  client.on('error', () => {});
  const limits = { timeout: TIMEOUT, sendTimeout: TIMEOUT, execTimeout: TIMEOUT };
  try {
    await client.connect({ host: '127.0.0.1', port, echoLines: 1, ...limits, ...options });
    return (await client.exec(command)).trim();
  } catch (error) {
    return String(error);
  } finally {
    client.destroy();
  }
}

/** The same with telpty, which needs no patterns. */
async function withTelpty({ options, command }: Job, port: number): Promise<string> {
  const session = await connect({ host: '127.0.0.1', port });
  try {
    const { username, password } = options;
    if (password === undefined) await session.findPrompt();
    else await session.login({ username, password });
    return (await session.exec(command, { pager: true, clean: true })).trim();
  } finally {
    session.destroy();
  }
}

for (const [name, job] of Object.entries(JOBS)) {
  test(name, async context => {
    await using device = await Device.start(job.script);
    const expected = job.output.join('\n').trim();
    assert.equal(await withTelpty(job, device.port), expected, 'telpty');
    const other = await withTelnetClient(job, device.port);
    context.diagnostic(`telnet-client: ${JSON.stringify(other.slice(0, 100))}`);
    assert.equal(other === expected, job.isSame === true, `telnet-client: ${JSON.stringify(other.slice(0, 1_000))}`);
  });
}
