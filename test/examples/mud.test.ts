import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPT, subnegotiation, type Wire } from '../support/clients/test-client.ts';
import { startExample } from './support.ts';

const MUDLET = { ttype: ['MUDLET', 'ANSI-TRUECOLOR', 'MTTS 45'], accept: [OPT.GMCP, OPT.MSSP, OPT.EOR] };

/** The messages of GMCP so far. */
function messages(wire: Wire): string[] {
  return wire.events.flatMap(event =>
    event.type === 'subnegotiation' && event.option === OPT.GMCP ? [event.payload.toString('utf8')] : [],
  );
}

test('a MUD client gets data, facts, colours and marks of prompts', async () => {
  await using example = await startExample('mud');
  await using ada = await example.connect(MUDLET);
  await ada.expect('Your name? ');
  const facts = await ada.expectEvent(event => event.type === 'subnegotiation' && event.option === OPT.MSSP);
  assert(facts.type === 'subnegotiation');
  assert.match(
    facts.payload.toString('latin1'),
    /^\x01NAME\x02The Quay\x01PLAYERS\x020\x01UPTIME\x02\d+\x01GMCP\x021$/,
  );
  ada.type('Ada\r');
  await ada.expect('\x1b[1;32mThe quay\x1b[0m\r\nRopes, tar and gulls.\r\nExits: north, east.');
  await ada.expect(Buffer.from('> \xff\xef', 'latin1'));
  const room = '{"num":"quay","name":"The quay","exits":{"north":"square","east":"light"}}';
  await ada.until(() => messages(ada).length === 2);
  assert.deepEqual(messages(ada), ['Char.Name {"name":"Ada"}', `Room.Info ${room}`]);

  // A client without these options.
  await using bob = await example.connect();
  await bob.expect('Your name? ');
  bob.type('Bob\r');
  await bob.expect('The quay\r\n');
  await bob.expect('Ada is here.');
  bob.type('n\r');
  await bob.expect('The square');
  await ada.expect('Bob goes north.');
  ada.type('n\r');
  await bob.expect('Ada comes in.');
  bob.type('say hello\r');
  await bob.expect('You say: hello');
  await ada.expect('Bob says: hello');
  await ada.until(() => messages(ada).at(-1) === 'Comm.Channel.Text {"channel":"say","talker":"Bob","text":"hello"}');
  assert.deepEqual(messages(bob), []);
  assert(!bob.raw.bytes.includes(0x1b), 'no colours for a client without a terminal type');

  ada.send(subnegotiation(OPT.GMCP, Buffer.from('Core.Ping')));
  await ada.until(() => messages(ada).at(-1) === 'Core.Ping');
  bob.type('jump\r');
  await bob.expect('You can look, say something');
  bob.type('quit\r');
  await bob.untilEnd();
  await ada.expect('Bob fades away.');
  const before = ada.text().length;
  ada.type('look\r');
  await ada.until(() => ada.text().slice(before).endsWith('> '));
  assert.doesNotMatch(ada.text().slice(before), /Bob is here/);
  assert(!ada.isEnabled(OPT.ECHO, 'theirs'), 'a MUD client would treat it as a password prompt');
});
