/** nmap, which only scans servers. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { requireTool } from '../../../support/system/tools.ts';
import type { Ground } from '../grounds.ts';
import { characterServer, loginServer, tlsServer } from '../ours.ts';
import { notApplicable, type Peer, type Row, yes } from '../rows.ts';

const run = promisify(execFile);

async function nmap(ground: Ground, ...args: string[]): Promise<string> {
  const words = ['-Pn', '-n', '-p', String(ground.port), ...args, '127.0.0.1'];
  return (await run(requireTool('nmap'), words, { timeout: 300_000 })).stdout;
}

/** The scripts report that the server speaks Telnet, negotiates, and offers neither encryption nor a Windows domain. */
async function scripts(): Promise<void> {
  const told = await nmap(await characterServer(), '--script', '+telnet-encryption,+telnet-ntlm-info,+banner');
  assert.match(told, /\/tcp\s+open\s/);
  assert.match(told, /banner: \\xFF\\xFD/);
  assert.match(told, /telnet-encryption:\s+\|_? +Telnet server does not support encryption/);
  assert.doesNotMatch(told, /ERROR|telnet-ntlm-info/);
}

/** telnet-brute logs in automatically: it finds the prompts, and distinguishes the right password from wrong ones. */
async function brute(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'telpty-nmap-'));
  try {
    const users = join(directory, 'users');
    const passwords = join(directory, 'passwords');
    writeFileSync(users, 'ada\n');
    writeFileSync(passwords, 'wrong\nsesame\n');
    const script = [
      '--script',
      '+telnet-brute',
      '--script-args',
      `userdb=${users},passdb=${passwords},brute.threads=1`,
    ];
    assert.match(await nmap(await loginServer(), ...script), /ada:sesame - Valid credentials/);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function certificate(): Promise<void> {
  assert.match(await nmap(await tlsServer(), '--script', '+ssl-cert'), /ssl-cert: Subject: commonName=telpty test/);
}

const LOOKS_ONLY = notApplicable('it only scans servers');

export const nmapScripts: Peer = {
  name: 'nmap',
  source: 'nmap',
  cells: {
    ...(Object.fromEntries(
      ['size', 'terminal', 'environment', 'resize', 'binary', 'interrupt', 'line', 'charset'].map(row => [
        row,
        LOOKS_ONLY,
      ]),
    ) as Record<Row, typeof LOOKS_ONLY>),
    connects: yes(scripts, '`banner`, `telnet-encryption` and `telnet-ntlm-info`'),
    types: yes(brute, '`telnet-brute` logs in'),
    password: LOOKS_ONLY,
    tls: yes(certificate, '`ssl-cert`'),
  },
};
