/** Logins with a password, and users that a proxy reports. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import bcrypt from 'bcryptjs';
import { createServer, ptyShell, TelptyError } from '../../src/index.ts';
import { createWebGateway } from '../../src/web/index.ts';
import { LoginFailures } from '../../src/web/login/failures.ts';
import { EndedLogins, LocalRegister } from '../../src/web/login/register.ts';
import { LOGIN_MS, LoginTickets } from '../../src/web/login/tickets.ts';
import { PasswordVerifier } from '../../src/web/login/verifier.ts';
import { ask, connectWeb, statusOf, TELNET } from '../support/clients/web-client.ts';
import { untilTrue } from '../support/leaks.ts';
import { startWeb, type WebHost } from './support.ts';

const directory = mkdtempSync(join(tmpdir(), 'telpty-login-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const passwordFile = join(directory, 'passwords');
const line = (user: string, password: string) => `${user}:${bcrypt.hashSync(password, 4).replace('$2b$', '$2y$')}\n`;
writeFileSync(passwordFile, `# people\n${line('ada', 'secret')}\n${line('bob', 'hidden')}`);

const hashOfCost = (cost: string) => bcrypt.hashSync('secret', Number(cost));

const PROGRAM = { shell: ptyShell('/bin/sh', ['-c', 'echo user=$REMOTE_USER.; read x']) };
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

async function logIn(host: WebHost, name: string, password: string, headers: Record<string, string> = {}) {
  const body = new URLSearchParams({ name, password }).toString();
  const answer = await ask(host.port, '/login', { method: 'POST', headers: { ...FORM, ...headers }, body });
  const [cookie = ''] = answer.headers['set-cookie'] ?? [];
  return { ...answer, cookie: cookie.split(';')[0]!, attributes: cookie, json: JSON.parse(answer.text) };
}

describe('a login', { timeout: 600_000 }, () => {
  it('gives a cookie and a token, and a WebSocket with both gets the user', async () => {
    await using host = await startWeb(PROGRAM, { passwordFile });
    assert.equal(await statusOf(host.port), 401);
    const { status, json, cookie, attributes } = await logIn(host, 'ada', 'secret');
    assert.deepEqual([status, json.user], [200, 'ada']);
    assert.match(attributes, /; HttpOnly; SameSite=Strict; Max-Age=43200$/);
    const protocols = [TELNET, `telpty.token.${json.token}`];
    await using wire = await connectWeb(host.port, { headers: { cookie }, protocols });
    assert.equal(wire.webSocket.protocol, TELNET);
    await wire.expect('user=ada.');
    const config = JSON.parse((await ask(host.port, '/config.json', { headers: { cookie } })).text);
    assert.deepEqual([config.login, config.user], ['done', 'ada']);
  });

  it('does not help a server on another port of the host, which gets the cookie and not the token', async () => {
    await using host = await startWeb(PROGRAM, { passwordFile });
    const { cookie, json } = await logIn(host, 'ada', 'secret');
    const other = await logIn(host, 'bob', 'hidden');
    const tries = [[TELNET], [TELNET, 'telpty.token.'], [TELNET, `telpty.token.${other.json.token}`]];
    for (const protocols of tries) {
      // (An empty token is not a valid subprotocol for the client library.)
      if (protocols[1] === 'telpty.token.') continue;
      assert.equal(await statusOf(host.port, { headers: { cookie }, protocols }), 401);
    }
    assert.equal(await statusOf(host.port, { protocols: [TELNET, `telpty.token.${json.token}`] }), 401);
    const twice = { cookie: `${cookie}; ${other.cookie}` };
    assert.equal(await statusOf(host.port, { headers: twice, protocols: [TELNET, `telpty.token.${json.token}`] }), 401);
  });

  it('fails with a wrong name or password, with one answer for both', async () => {
    await using host = await startWeb(PROGRAM, { passwordFile });
    const wrong = [await logIn(host, 'ada', 'hidden'), await logIn(host, 'eve', 'secret'), await logIn(host, '', '')];
    for (const { status, text, attributes } of wrong)
      assert.deepEqual([status, text, attributes], [401, wrong[0]!.text, '']);
  });

  it('fails with the same work for all names, whatever the costs of the hashes in the file', async t => {
    const file = join(directory, 'costs');
    writeFileSync(file, ['ann:4', 'ben:6', 'cat:5'].map(user => user.replace(/\d/, hashOfCost)).join('\n'));
    await using host = await startWeb(PROGRAM, { passwordFile: file });
    const { mock } = t.mock.method(PasswordVerifier.prototype, 'verify');
    const workFor = async (name: string, password: string) => {
      mock.resetCalls();
      const { status } = await logIn(host, name, password);
      const works = mock.calls.map(({ arguments: [, hash] }) => 2 ** bcrypt.getRounds(hash));
      return [status, works.reduce((sum, work) => sum + work, 0)];
    };
    for (const name of ['eve', 'ann', 'ben', 'cat']) assert.deepEqual(await workFor(name, 'x'), [401, 2 ** 6], name);
    t.mock.restoreAll();
    for (const name of ['ann', 'ben', 'cat']) {
      await using other = await startWeb(PROGRAM, { passwordFile: file });
      assert.equal((await logIn(other, name, 'secret')).status, 200);
    }
  });

  it('is locked after some failures of an address, for a time that grows', async t => {
    // The lock lasts 2 s, so the clock stands still.
    const { wait, failed: fail } = LoginFailures.prototype;
    t.mock.method(LoginFailures.prototype, 'wait', function (this: LoginFailures, address: string, now = 0) {
      return wait.call(this, address, now);
    });
    t.mock.method(LoginFailures.prototype, 'failed', function (this: LoginFailures, address: string, now = 0) {
      fail.call(this, address, now);
    });
    await using host = await startWeb(PROGRAM, { passwordFile });
    const failed = await Promise.all([1, 2, 3, 4].map(() => logIn(host, 'ada', 'x')));
    assert.deepEqual(
      failed.map(({ status }) => status),
      [401, 401, 401, 401],
    );
    const { status, json, headers } = await logIn(host, 'ada', 'secret');
    assert.deepEqual([status, json.retryAfter], [429, Number(headers['retry-after'])]);
    const failures = new LoginFailures();
    for (let n = 0; n < 4; n++) failures.failed('2001:db8::1', 0);
    assert.equal(failures.wait('2001:db8::ffff', 0), 2_000);
    failures.failed('2001:db8::1', 0);
    assert.equal(failures.wait('2001:db8::1', 0), 4_000);
    for (let n = 0; n < 100; n++) failures.failed('2001:db8::1', 0);
    assert.equal(failures.wait('2001:db8::1', 0), 15 * 60_000);
    assert.equal(failures.wait('2001:db8:1::1', 0), 0);
  });

  it('that succeeds takes back its own attempt only, so that a user cannot guess the passwords of others', () => {
    const failures = new LoginFailures();
    const address = '192.0.2.1';
    const wait = () => failures.wait(address, 3_000);
    failures.failed(address, 0);
    failures.succeeded(address);
    for (let n = 1; n <= 3; n++) failures.failed(address, n);
    failures.failed(address, 2_000);
    failures.succeeded(address);
    assert.equal(wait(), 0);
    failures.failed(address, 3_000);
    assert.equal(wait(), 2_000);
    failures.failed(address, 3_000);
    failures.succeeded(address);
    assert.equal(wait(), 2_000);
  });

  it('is refused if too many others are being checked, also by a register in another process', async () => {
    const waiting: ((wait: number) => void)[] = [];
    const register = Object.assign(new LocalRegister(), {
      attempt: () => new Promise<number>(resolve => waiting.push(resolve)),
    });
    const logins = { key: Buffer.alloc(32), register };
    await using host = await startWeb(PROGRAM, { passwordFile }, { logins });
    const answers = Array.from({ length: 40 }, () => logIn(host, 'ada', 'secret'));
    const refused: number[] = [];
    for (const answer of answers) void answer.then(({ status }) => refused.push(status));
    await untilTrue(() => waiting.length + refused.length === 40);
    for (const resolve of waiting) resolve(0);
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    assert.equal(statuses.filter(status => status === 200).length, 32);
    assert.equal(statuses.filter(status => status === 503).length, 8);
    // Their places are free again.
    const again = logIn(host, 'ada', 'secret');
    await untilTrue(() => waiting.length === 33);
    waiting[32]!(0);
    assert.equal((await again).status, 200);
  });

  it('does not take forms of other sites, other types, or long ones', async () => {
    await using host = await startWeb(PROGRAM, { passwordFile });
    assert.equal((await logIn(host, 'ada', 'secret', { origin: 'https://evil.example' })).status, 403);
    assert.equal((await logIn(host, 'ada', 'secret', { origin: 'null' })).status, 403);
    assert.equal((await logIn(host, 'ada', 'secret', { 'content-type': 'application/json' })).status, 415);
    assert.equal((await logIn(host, 'ada', 'x'.repeat(3_000))).status, 413);
    assert.equal((await ask(host.port, '/login')).status, 405);
  });

  it('ends with the password, and with its time', () => {
    const passwords = new Map([['ada', 'hash']]);
    const tickets = new LoginTickets();
    const { cookie, token } = tickets.issue('ada', passwords, 0);
    const userOf = (...[text, users, now]: Parameters<LoginTickets['loginOf']>) =>
      tickets.loginOf(text, users, now)?.user;
    assert.equal(userOf(cookie, passwords, LOGIN_MS - 1), 'ada');
    assert.ok(tickets.belongs(token, cookie, 'ada', passwords));
    assert.equal(userOf(cookie, passwords, LOGIN_MS), undefined);
    assert.equal(userOf(cookie, new Map([['ada', 'another']]), 1), undefined);
    assert.equal(userOf(cookie, new Map(), 1), undefined);
    assert.equal(new LoginTickets().loginOf(cookie, passwords, 1), undefined);
    for (const wrong of [
      undefined,
      '',
      '.',
      'x.y',
      `${cookie}.z`,
      `${cookie.split('.')[0]}.`,
      `x${cookie}`,
      `${cookie}x`,
    ]) {
      assert.equal(userOf(wrong, passwords, 1), undefined, String(wrong));
    }
  });

  it('ends with a logout: cookie and token are not valid any more, and other logins of the user are', async () => {
    await using host = await startWeb(PROGRAM, { passwordFile });
    const logins = [await logIn(host, 'ada', 'secret'), await logIn(host, 'ada', 'secret')];
    const [first, second] = logins.map(({ cookie, json }) => ({
      headers: { cookie },
      protocols: [TELNET, `telpty.token.${json.token}`],
    }));
    await using wire = await connectWeb(host.port, first);
    await wire.expect('user=ada.');
    const out = await ask(host.port, '/logout', { method: 'POST', headers: first!.headers });
    assert.equal(out.status, 204);
    assert.match(out.headers['set-cookie']![0]!, /=; .*Max-Age=0/);
    assert.equal(await statusOf(host.port, first), 401);
    const config = JSON.parse((await ask(host.port, '/config.json', { headers: first!.headers })).text);
    assert.deepEqual([config.login, config.user], ['required', null]);
    assert.equal(await statusOf(host.port, second), 101);
    // Without a login there is nothing to end.
    assert.equal((await ask(host.port, '/logout', { method: 'POST' })).status, 204);
    assert.equal(await statusOf(host.port, second), 101);
  });

  it('that has ended is remembered until it would have expired, and not too many of one user are', () => {
    const ended = new EndedLogins();
    const login = (number: number, until = LOGIN_MS) => ({ user: 'ada', number: `n${number}`, until });
    for (let number = 0; number < 256; number++) ended.add(login(number), 0);
    assert.equal(ended.has(login(0)), true);
    assert.equal(ended.has(login(256)), false);
    ended.add(login(300, 3 * LOGIN_MS), LOGIN_MS);
    assert.equal(ended.entries.length, 1);
    for (let number = 0; number < 257; number++) ended.add(login(number), 0);
    // All logins of the user that were issued before that.
    assert.equal(ended.has(login(999)), true);
    assert.equal(ended.has({ ...login(999), until: LOGIN_MS + 1 }), false);
    assert.equal(ended.has({ ...login(999), user: 'bob' }), false);
    const copy = new EndedLogins();
    for (const one of ended.entries) copy.add(one, 0);
    assert.deepEqual(copy.entries, ended.entries);
  });

  it('is tried once for each attempt, however many come at once', async () => {
    const register = new LocalRegister();
    const waits = await Promise.all(Array.from({ length: 10 }, () => register.attempt('192.0.2.1')));
    assert.equal(waits.filter(wait => wait === 0).length, 4);
    register.succeeded('192.0.2.1');
    assert.equal(await register.attempt('192.0.2.1'), 0);
  });

  it('needs HTTPS off loopback, and its cookie then belongs to the host alone', async () => {
    await using host = await startWeb(PROGRAM, { passwordFile, trustedProxies: ['127.0.0.1'] });
    const client = { 'x-forwarded-for': '192.0.2.1' };
    assert.equal((await logIn(host, 'ada', 'secret', { ...client, 'x-forwarded-proto': 'http' })).status, 403);
    const { attributes } = await logIn(host, 'ada', 'secret', { ...client, 'x-forwarded-proto': 'https' });
    assert.match(attributes, /^__Host-telpty-[0-9a-f]{8}=.*; Path=\/; .*; Secure$/);
  });

  it('lasts behind a proxy that does not send X-Forwarded-Proto, where only some requests have an Origin', async () => {
    await using host = await startWeb(PROGRAM, { passwordFile, trustedProxies: ['127.0.0.1'] });
    const origin = `https://127.0.0.1:${host.port}`;
    const { status, cookie } = await logIn(host, 'ada', 'secret', { origin });
    assert.equal(status, 200);
    assert.match(cookie, /^__Host-/);
    const config = JSON.parse((await ask(host.port, '/config.json', { headers: { cookie } })).text);
    assert.deepEqual([config.login, config.user], ['done', 'ada']);
    assert.equal((await ask(host.port, '/logout', { method: 'POST', headers: { cookie, origin } })).status, 204);
    assert.equal(JSON.parse((await ask(host.port, '/config.json', { headers: { cookie } })).text).user, null);
  });

  it('needs a file with bcrypt, and each mistake in it is named', () => {
    const server = createServer(PROGRAM);
    const fails = (text: string, words: RegExp) => {
      const file = join(directory, 'wrong');
      writeFileSync(file, text);
      assert.throws(
        () => createWebGateway({ server, passwordFile: file, page: false }),
        (error: unknown) => error instanceof TelptyError && error.code === 'ERR_RUNTIME' && words.test(error.message),
      );
    };
    fails('', /names no user/);
    fails('ada\n', /line 1: is not NAME:HASH/);
    fails(`#\n\nada:$apr1$x$y\n`, /line 3: the password of 'ada' is not in bcrypt/);
    fails(`a b:${'x'}\n`, /line 1: 'a b' is not a user name/);
    fails(line('ada', 'x') + line('ada', 'y'), /line 2: 'ada' is named twice/);
    fails(`ada:$2y$31$${'a'.repeat(53)}\n`, /cost 31/);
  });
});

describe('the user of a proxy', { timeout: 600_000 }, () => {
  const web = { userHeader: 'X-Remote-User', trustedProxies: ['127.0.0.1'] };

  it('comes from one header of a trusted proxy, and odd names are refused', async () => {
    await using host = await startWeb(PROGRAM, web);
    await using wire = await connectWeb(host.port, {
      headers: { 'x-remote-user': 'ada', 'x-forwarded-for': '192.0.2.7' },
    });
    await wire.expect('user=ada.');
    const [session] = host.server.sessions;
    assert.equal(session!.remoteAddress, '192.0.2.7');
    const wrong: (string | string[])[] = [['ada', 'ada'], '', 'a b', '-ada', 'ada;x', 'x'.repeat(65), 'ada,bob'];
    for (const value of wrong) {
      const headers = { 'x-remote-user': value } as Record<string, string>;
      assert.equal(await statusOf(host.port, { headers }), 401, String(value));
    }
    assert.equal(await statusOf(host.port), 401);
  });

  it('is never that of the client, however many headers it sends before those of the proxy', async () => {
    await using host = await startWeb(PROGRAM, web);
    const config = async (count: number) => {
      const socket = connect(host.port, '127.0.0.1');
      const filler = Array.from({ length: count }, () => 'a:\r\n').join('');
      // As of a proxy that keeps the headers of the client, and adds its own at the end.
      const client = `Host: localhost\r\nX-Remote-User: mallory\r\n${filler}`;
      socket.write(`GET /config.json HTTP/1.1\r\n${client}X-Remote-User: ada\r\nConnection: close\r\n\r\n`);
      return String(Buffer.concat(await socket.toArray()));
    };
    assert.match(await config(0), /^HTTP\/1\.1 200 [\s\S]*"isAllowed":false/);
    for (const count of [60, 64, 70, 100, 1_000]) {
      assert.match(await config(count), /^HTTP\/1\.1 (?:200 [\s\S]*"isAllowed":false|431 )/, `${count} headers`);
    }
    const headers = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`a${index}`, '']));
    assert.equal(await statusOf(host.port, { headers: { ...headers, 'x-remote-user': 'ada' } }), 431);
  });

  it('is not taken from anyone else', async () => {
    await using host = await startWeb(PROGRAM, { ...web, trustedProxies: ['192.0.2.1'] });
    assert.equal(await statusOf(host.port, { headers: { 'x-remote-user': 'ada' } }), 401);
  });
});
