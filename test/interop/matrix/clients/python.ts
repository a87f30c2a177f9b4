/** Python's telnetlib, which implements no option but leaves all to the application. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { requireTool } from '../../../support/system/tools.ts';
import type { Ground } from '../grounds.ts';
import { characterServer, lineServer, loginServer, tlsServer } from '../ours.ts';
import { no, type Peer, yes } from '../rows.ts';

const run = promisify(execFile);

const BEGIN = `
import socket, ssl, sys, telnetlib
ALL = bytes(range(256))
tn = telnetlib.Telnet()
def until(text):
    got = tn.read_until(text, 20)
    assert got.endswith(text), got
    return got
def ask(line, answer):
    until(b'ready> ')
    tn.write(line + b'\\n')
    return until(answer)
`;
const OPEN = "tn.open('127.0.0.1', int(sys.argv[1]), 20)\n";

async function python(where: () => Promise<Ground>, body: string, ...args: string[]): Promise<void> {
  const { port } = await where();
  const script = ['-W', 'ignore', '-c', BEGIN + body, String(port), ...args];
  await run(requireTool('python3'), script, { timeout: 300_000 });
}

const asks = (line: string, answer: string) => () => python(characterServer, `${OPEN}ask(b'${line}', b'${answer}')`);

const CONNECTS = `${OPEN}until(b'ready> '); tn.write(b'quit\\n'); tn.read_all()`;
const PASSWORD = `${OPEN}
until(b'login: '); tn.write(b'ada\\n'); until(b'Password: '); tn.write(b'sesame\\n')
assert b'sesame' not in until(b'Welcome, ada')`;
const BYTES = `${OPEN}
ask(b'bytes', b'go\\r\\n'); tn.write(ALL); until(b'received ' + ALL.hex().encode())
got = until(b'done')
assert bytes(b for b in ALL if b not in (0, 17)) in got, got`;
const INTERRUPT = `${OPEN}
ask(b'interrupt', b'waiting'); tn.sock.sendall(telnetlib.IAC + telnetlib.IP); until(b'interrupted')`;
const TLS = `
context = ssl.create_default_context(cafile=sys.argv[2])
tn.sock = context.wrap_socket(socket.create_connection(('127.0.0.1', int(sys.argv[1]))), server_hostname='localhost')
tn.host = 'localhost'
ask(b'say hello', b'heard <hello>')`;

const REFUSES = 'it refuses every option; the application can answer instead';

export const telnetlib: Peer = {
  name: 'telnetlib',
  source: 'Python 3.11, python3',
  cells: {
    connects: yes(() => python(characterServer, CONNECTS)),
    types: yes(asks('say hello', 'heard <hello>')),
    size: no(REFUSES, asks('size', 'size 24 80')),
    terminal: no(REFUSES, asks('term', 'terminal <xterm>')),
    environment: no(REFUSES, asks('env CLIENT_NAME', 'CLIENT_NAME <>')),
    password: yes(() => python(loginServer, PASSWORD)),
    resize: no(REFUSES),
    binary: no('it drops NUL and DC1 from what it reads', () => python(characterServer, BYTES)),
    interrupt: yes(() => python(characterServer, INTERRUPT), 'as IAC IP'),
    line: yes(() => python(lineServer, `${OPEN}ask(b'say hello', b'heard <hello>')`)),
    charset: yes(asks('hex \\xc3\\xa9\\xe6\\xbc\\xa2', 'bytes c3 a9 e6 bc a2'), 'the application encodes and decodes'),
    tls: yes(async () => {
      const ground = await tlsServer();
      await python(async () => ground, TLS, ground.certificate.certFile);
    }, 'in a TLS socket that the application supplies'),
  },
};
