/** Perl's Net::Telnet. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { requireTool } from '../../../support/system/tools.ts';
import type { Ground } from '../grounds.ts';
import { characterServer, lineServer, loginServer } from '../ours.ts';
import { no, type Peer, yes } from '../rows.ts';

const run = promisify(execFile);

const BEGIN = `
use strict; use warnings; use Net::Telnet;
my $all = join '', map { chr } 0 .. 255;
my $t = Net::Telnet->new(Host => '127.0.0.1', Port => $ARGV[0], Timeout => 20, Prompt => '/ready> $/');
sub ask { my ($line, $answer) = @_; $t->waitfor('/ready> $/'); $t->print($line); $t->waitfor($answer); }
`;

async function perl(where: () => Promise<Ground>, body: string): Promise<void> {
  const { port } = await where();
  await run(requireTool('perl'), ['-e', BEGIN + body, String(port)], { timeout: 300_000 });
}

const asks =
  (line: string, answer: string, where = characterServer) =>
  () =>
    perl(where, `ask("${line}", '/${answer}/');`);

const CONNECTS = `
ask('quit', '/quit/');
1 while defined $t->get(Errmode => 'return');
die 'no end' unless $t->eof;`;
const PASSWORD = `
$t->login('ada', 'sesame');
my @lines = $t->cmd('say hello');
die "@lines" unless join('', @lines) =~ /heard <hello>/;`;
const BYTES = `
ask('bytes', '/go\\n/');
$t->binmode(1);
$t->put($all);
$t->waitfor(String => 'received ' . unpack('H*', $all) . "\\r\\n");
my ($got) = $t->waitfor(String => 'done');
die unpack('H*', $got) unless $got eq $all;`;
const INTERRUPT = `
ask('interrupt', '/waiting/');
$t->break;
$t->waitfor('/interrupted/');`;

const REFUSES = 'it refuses the option';

export const netTelnet: Peer = {
  name: 'Net::Telnet',
  source: 'libnet-telnet-perl',
  cells: {
    connects: yes(() => perl(characterServer, CONNECTS)),
    types: yes(asks('say hello', 'heard <hello>')),
    size: no(REFUSES, asks('size', 'size 24 80')),
    terminal: no(REFUSES, asks('term', 'terminal <xterm>')),
    environment: no(REFUSES, asks('env CLIENT_NAME', 'CLIENT_NAME <>')),
    password: yes(() => perl(loginServer, PASSWORD)),
    resize: no(REFUSES),
    binary: yes(() => perl(characterServer, BYTES), 'with `binmode`'),
    interrupt: yes(() => perl(characterServer, INTERRUPT), 'by `break`: IAC BRK'),
    line: yes(asks('say hello', 'heard <hello>', lineServer)),
    charset: yes(asks('hex \\xc3\\xa9\\xe6\\xbc\\xa2', 'bytes c3 a9 e6 bc a2'), 'the application encodes and decodes'),
    tls: no('it does not support TLS'),
  },
};
