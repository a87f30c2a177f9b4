import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startExample } from './support.ts';

test('people talk to each other', async () => {
  await using example = await startExample('chat');
  await using ada = await example.connect();
  await ada.expect('What is your name? ');
  ada.type('ada\r');
  await ada.expect('Here: ada. Leave by /quit.');

  await using bob = await example.connect();
  bob.type('b b\r');
  await bob.expect('Use letters and digits only.');
  bob.type('ada\r');
  await bob.expect('The name ada is taken.');
  bob.type('bob\r');
  await bob.expect('Here: ada, bob.');
  await ada.expect('* bob joins');

  ada.type('hello \x1b[2Jbob\r');
  await bob.expect('ada: hello bob\r\n');
  bob.type('hello ada\r');
  await ada.expect('bob: hello ada\r\n');
  assert.doesNotMatch(ada.text(), /ada: hello/, 'a speaker must not receive their own line');

  bob.type('/quit\r');
  await bob.untilEnd();
  await ada.expect('* bob leaves');
  await using _nobody = await example.connect();
});

test('a client that does not read is disconnected, and the others continue', async () => {
  await using example = await startExample('chat');
  await using deaf = await example.connect();
  deaf.type('deaf\r');
  await deaf.expect('Here: deaf.');
  await using ada = await example.connect();
  ada.type('ada\r');
  await ada.expect('Here: deaf, ada.');
  await deaf.expect('* ada joins');
  deaf.pause();
  const line = `${'x'.repeat(900)}\r\n`;
  let left = false;
  void ada.expect('* deaf leaves', 240_000).then(() => {
    left = true;
  });
  while (!left) await ada.sent(line.repeat(100));
  ada.type('/quit\r');
  await ada.untilEnd();
});
