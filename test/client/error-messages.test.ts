/** Errors of conversations contain the expected text, the last line received and advice, and no secrets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, type TelptyError } from '../../src/index.ts';
import { SentLines } from '../../src/session/conversation/last-line.ts';
import { Peer } from '../support/clients/peer.ts';

test('a time-out shows the last line, with control characters escaped, and only the end of a long line', () => {
  const sent = new SentLines();
  assert.equal(sent.describeLast(''), 'nothing was received');
  assert.equal(sent.describeLast(' \r\n'), 'nothing was received');
  assert.equal(sent.describeLast('a\r\n[HUAWEI]'), 'the last line received is "[HUAWEI]"');
  assert.equal(sent.describeLast('a\r\nb> '), 'the last line received is "b> "');
  assert.equal(sent.describeLast('a\r\nb \r\n\r\n'), 'the last line received is "b "');
  assert.equal(
    sent.describeLast('\x1b[1mr1>\u009b\u202e\x7f'),
    'the last line received is "\\u001b[1mr1>\\u009b\\u202e\\u007f"',
  );
  assert.equal(sent.describeLast(`${'x'.repeat(9_999)}#`), `the last line received is "…${'x'.repeat(79)}#"`);
});

test('sent text is masked: whole, cut, wrapped, coloured, after other text', () => {
  const sent = new SentLines();
  sent.add('hunter2 hunter3');
  sent.add('pw');
  sent.add('a-b/c.*[x]{1}^$|(y)\\');
  const shown = (text: string) => /"(.*)"/.exec(sent.describeLast(text))![1];
  assert.equal(shown('r1# hunter2 hunter3'), 'r1# ***');
  assert.equal(shown('r1# hunter2 hun'), 'r1# ***');
  assert.equal(shown('r1# hunter2 h \runter3'), '***');
  assert.equal(shown('r1# hunt\x1b[31mer2 hunter3\x1b[m'), '***');
  assert.doesNotMatch(shown(`${'x'.repeat(200)}hunter2 hunter3${'y'.repeat(75)}`)!, /unter/);
  assert.equal(shown('> a-b/c.*[x]{1}^$|(y)\\'), '> ***');
  assert.equal(shown('pw: pw; pwd> '), '***: ***; pwd> ');
});

test('login, exec and findPrompt: errors contain what was expected, what was received, and advice', async () => {
  await using peer = await Peer.listen();
  const session = await connect({ port: peer.port });
  const wire = await peer.accept();
  const message = (pattern: RegExp) => (error: TelptyError) => {
    assert.match(error.message, pattern);
    assert.doesNotMatch(error.message, /hunter2/);
    return true;
  };
  const login = session.login({ username: 'ada', password: 'hunter2', timeout: 300 });
  const rejected = assert.rejects(
    login,
    message(/^no question for a name or .* within 300 ms; the last line received is "\*\*\*"; give loginPrompt/),
  );
  wire.send('Password: ');
  await wire.expect('hunter2\r\n');
  wire.send('\r\nhunter2');
  await rejected;
  const refused = assert.rejects(
    session.login({ username: 'ada', password: 'hunter2' }),
    message(/^the server refused .*; the last line received is "Login incorrect"/),
  );
  wire.send('\r\nPassword: ');
  await wire.expect('hunter2\r\n');
  wire.send('\r\nLogin incorrect\r\n');
  await refused;
  // Otherwise exec() would first wait until no more input follows, within the same 50 ms.
  await session.readUntil('\r\n');
  await assert.rejects(
    session.exec('x', { timeout: 50, prompt: /r1>$/ }),
    message(/^no \/r1>\$\/ within 50 ms; nothing was received; compare prompt with/),
  );
  await assert.rejects(
    session.findPrompt({ timeout: 50 }),
    message(/^no prompt that is the same after each Return within 50 ms; nothing was received; give /),
  );
  session.destroy();
});
