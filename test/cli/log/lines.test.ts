/** The log of a real server: the sessions they belong to, what they must not contain, and that each is one line. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OPT, subnegotiation, Wire, type WireOptions } from '../../support/clients/test-client.ts';
import { startServer, type TestServer } from '../../support/servers/server.ts';

const XTERM: WireOptions = { ttype: ['xterm'], size: [80, 24], environ: { LANG: 'C' } };

interface Line {
  readonly level: number;
  readonly time: string;
  readonly msg: string;
  readonly session?: number;
  readonly remote?: string;
}

const linesOf = (server: TestServer) =>
  server.stderr
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Line);

describe('the log of a server', { timeout: 600_000 }, () => {
  for (const workers of ['1', '2'])
    it(`has the number of the session in all lines about it, also for a refused one (workers: ${workers})`, async () => {
      const args = ['--log-level', 'debug', '--log-format', 'json', '--max-sessions', '1', '--workers', workers];
      await using server = await startServer(args, { program: ['/bin/cat'] });
      const first = await Wire.connect(server.port, XTERM);
      first.type('x');
      await first.expect('x');
      const second = await Wire.connect(server.port, { ...XTERM, ttype: ['REFUSED-ONE'] });
      const remotes = [first, second].map(wire => `127.0.0.1:${wire.socket.localPort}`);
      await second.untilEnd();
      await second.close();
      await server.waitForLog(/session 2 refused/);
      await first.close();
      await server.waitForLog(/session 1 ended/);
      for (const id of [1, 2]) {
        const about = linesOf(server).filter(({ session }) => session === id);
        const words = about.map(({ msg }) => msg);
        const remote = about.flatMap(line => line.remote ?? [])[0];
        assert.ok(about.length > 4);
        for (const msg of words) assert.match(msg, new RegExp(`^session ${id}[: ]`));
        assert.equal(words[0], `session ${id}: connection from ${remote}`);
        // The end is logged at once; lines about negotiation may follow.
        const end = id === 1 ? /^session 1 ended: / : /^session 2 refused: /;
        assert.equal(words.filter(msg => end.test(msg)).length, 1, words.join('\n'));
        assert.ok(remotes.includes(remote ?? ''), `${remote} is one of ${remotes}`);
      }
      // And a line with this text is about this session.
      for (const { msg, session } of linesOf(server)) {
        const [, id] = /^session (\d+)/.exec(msg) ?? [];
        assert.equal(session, id === undefined ? undefined : Number(id), msg);
      }
    });

  for (const level of ['info', 'debug'] as const)
    for (const format of ['json', 'pretty'] as const)
      it(`at ${level}, as ${format}, does not contain what was typed or printed`, async () => {
        const script =
          'printf "name: "; read -r name; stty -echo; printf "password: "; read -r password; stty echo; echo; ' +
          'echo "printed-OUTPUT"; stty raw -echo; printf "key: "; dd bs=1 count=1 2>/dev/null >/dev/null; echo over';
        const args = ['--log-level', level, '--log-format', format, '--mode', 'character'];
        await using server = await startServer(args, { program: ['/bin/sh', '-c', script] });
        for (const lineMode of [false, true]) {
          const wire = await Wire.connect(server.port, XTERM);
          // One that can edit lines itself (RFC 1184).
          if (lineMode) wire.propose('WILL', 34);
          await wire.expect('name: ');
          wire.type('typed-NAME\r');
          await wire.expect('password: ');
          wire.type('typed-PASSWORD\r');
          await wire.expect('printed-OUTPUT');
          await wire.expect('key: ');
          // Data in subnegotiations, which may also be passwords.
          wire.send(subnegotiation(OPT.GMCP, Buffer.from('Char.Login {"password":"typed-GMCP"}')));
          wire.type('typed-KEY');
          await wire.expect('over');
          await wire.untilEnd();
          await wire.close();
        }
        await server.waitForLog(/session 2 ended/);
        const text = server.stdout + server.stderr;
        assert.doesNotMatch(text, /typed-|printed-|PASSWORD|OUTPUT|74 79 70 65|NAME"?$/);
        assert.equal(/sent DO TTYPE/.test(text), level === 'debug', 'negotiation is logged at debug');
      });

  it('has one line for each record, and no control characters, whatever a client sends', async () => {
    const nasty = 'A\r\n\x1b]0;x\x07{"level":60}\n[12:00] FAKE\x00\x7f\x85\u202e\u2028\u2066é';
    for (const format of ['json', 'pretty']) {
      const args = ['--log-level', 'debug', '--log-format', format, '--accept-env', 'WHO'];
      await using server = await startServer(args, { program: ['/bin/true'] });
      const wire = await Wire.connect(server.port, {
        ttype: [nasty],
        size: [80, 24],
        environ: { LANG: nasty, WHO: nasty, [nasty]: nasty },
      });
      await wire.untilEnd();
      await wire.close();
      await server.waitForLog(/session 1 ended/);
      assert.doesNotMatch(server.stderr, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/);
      assert.match(server.stderr, /FAKE/);
      if (format === 'json') for (const { msg, level } of linesOf(server)) assert.ok(msg && level <= 50);
      else for (const line of server.stderr.trimEnd().split('\n')) assert.match(line, /^\[\d{4}-[^\]]*\] [A-Z]+: /);
    }
  });
});
