/** Recordings in the page: what operators get, and what all other requests get. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import bcrypt from 'bcryptjs';
import { createServer, ptyShell, TelptyError } from '../../src/index.ts';
import { createWebGateway } from '../../src/web/index.ts';
import { ask } from '../support/clients/web-client.ts';
import { makeRecording, nameOf } from '../support/recordings.ts';
import { startWeb, type WebHost } from './support.ts';

const directory = mkdtempSync(join(tmpdir(), 'telpty-web-recordings-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const passwordFile = join(directory, 'passwords');
writeFileSync(passwordFile, ['ada', 'bob'].map(user => `${user}:${bcrypt.hashSync(user, 4)}\n`).join(''));

const PROGRAM = { shell: ptyShell('/bin/cat') };
let folders = 0;
/** A new directory of recordings. */
const newFolder = () => {
  const folder = join(directory, `recordings-${++folders}`);
  mkdirSync(folder, { mode: 0o700 });
  return folder;
};
const optionsFor = (recordings: string) => ({ passwordFile, recordings, operators: ['ada'] });
const at = (seconds: number) => new Date(Date.UTC(2026, 11, 1, 20, 0, seconds));

/** The headers of a user who has logged in. */
async function logIn(host: WebHost, name: string) {
  const body = new URLSearchParams({ name, password: name }).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await ask(host.port, '/login', { method: 'POST', headers, body });
  const [cookie = ''] = answer.headers['set-cookie'] ?? [];
  return { cookie: cookie.split(';')[0]!, 'telpty-token': JSON.parse(answer.text).token as string };
}

interface List {
  readonly recordings: readonly { readonly name: string; readonly [fact: string]: unknown }[];
  readonly next: string | null;
}

async function list(host: WebHost, headers: Record<string, string>, query = ''): Promise<List> {
  const answer = await ask(host.port, `/recordings.json${query}`, { headers });
  assert.equal(answer.status, 200, answer.text);
  return JSON.parse(answer.text);
}

describe('the list of recordings', { timeout: 60_000 }, () => {
  it('has the facts of each, the newest first', async () => {
    const folder = newFolder();
    const old = makeRecording(folder, { started: at(0), session: 7, command: '/bin/sh -c "a\u202eb"' });
    const user = { user: 'eve', address: '192.0.2.1' };
    const recent = makeRecording(folder, { started: at(30), session: 8, command: 'nethack', ...user });
    utimesSync(join(folder, recent), at(90), at(90));
    await using host = await startWeb(PROGRAM, optionsFor(folder));
    const headers = await logIn(host, 'ada');
    const { recordings, next } = await list(host, headers);
    assert.equal(next, null);
    const [first, second] = recordings;
    const { size, ...facts } = first!;
    assert.equal(size, readFileSync(join(folder, recent)).length);
    assert.deepEqual(facts, {
      ...{ name: recent, started: at(30).toISOString(), duration: 60, session: 8 },
      ...{ program: 'nethack', user: 'eve', address: '192.0.2.1' },
    });
    assert.deepEqual([second!.name, second!.session, second!.user], [old, 7, null]);
    assert.equal(second!.program, '/bin/sh -c "a\ufffdb"');
    const config = JSON.parse((await ask(host.port, '/config.json', { headers })).text);
    assert.equal(config.recordings, true);
  });

  it('comes in parts, also of a search, and opens a bounded number of files for each', async () => {
    const folder = newFolder();
    const names = Array.from({ length: 1_150 }, (_, index) =>
      makeRecording(folder, { started: at(index), session: index, command: index === 20 ? 'rare game' : 'game' }),
    ).reverse();
    await using host = await startWeb(PROGRAM, optionsFor(folder));
    const headers = await logIn(host, 'ada');
    const first = await list(host, headers);
    assert.deepEqual(
      first.recordings.map(({ name }) => name),
      names.slice(0, 100),
    );
    const second = await list(host, headers, `?before=${first.next}`);
    assert.deepEqual(
      second.recordings.map(({ name }) => name),
      names.slice(100, 200),
    );
    const nothing = await list(host, headers, '?search=RARE+game');
    assert.deepEqual(nothing, { recordings: [], next: names[999] });
    const found = await list(host, headers, `?search=RARE+game&before=${nothing.next}`);
    assert.deepEqual([found.recordings.map(({ session }) => session), found.next], [[20], null]);
  });

  it('has only complete recordings of this server', async () => {
    const folder = newFolder();
    const good = makeRecording(folder, { started: at(0), session: 1 });
    for (const name of oddFiles(folder, good)) assert.notEqual(name, good);
    await using host = await startWeb(PROGRAM, optionsFor(folder));
    const { recordings } = await list(host, await logIn(host, 'ada'));
    assert.deepEqual(
      recordings.map(({ name }) => name),
      [good],
    );
  });
});

/** Other files with the names of recordings, and recordings with other names. @returns the names */
function oddFiles(folder: string, good: string): string[] {
  const bytes = readFileSync(join(folder, good));
  const secret = join(directory, 'passwords');
  const name = (session: number) => nameOf(at(0), session);
  writeFileSync(join(folder, `${name(2)}.1234-5678.part`), bytes);
  symlinkSync(join(folder, good), join(folder, name(3)));
  symlinkSync(secret, join(folder, name(4)));
  writeFileSync(join(folder, name(5)), readFileSync(secret));
  mkdirSync(join(folder, name(6)));
  execFileSync('mkfifo', [join(folder, name(7))]);
  // Of another time than that in its name.
  writeFileSync(join(folder, nameOf(at(3_600), 8)), bytes);
  writeFileSync(join(folder, name(9)), '');
  writeFileSync(join(folder, 'mine.cast'), bytes);
  writeFileSync(join(folder, '.hidden'), bytes);
  return [
    ...[`${name(2)}.1234-5678.part`, name(3), name(4), name(5), name(6), name(7)],
    ...[nameOf(at(3_600), 8), name(9), 'mine.cast', '.hidden'],
  ];
}

describe('a recording', { timeout: 60_000 }, () => {
  const piece = (host: WebHost, name: string, range: string, headers: Record<string, string>, method = 'GET') =>
    ask(host.port, `/recordings/${name}`, { method, headers: { ...headers, range } });

  it('is sent in pieces of at most 512 KiB', async () => {
    const folder = newFolder();
    const events = [{ time: 1, type: 'output', data: 'x'.repeat(1_300_000) }] as const;
    const name = makeRecording(folder, { started: at(0), session: 1, events });
    const text = readFileSync(join(folder, name), 'latin1');
    const opened: unknown[] = [];
    await using host = await startWeb(PROGRAM, optionsFor(folder), {
      onRecording: (client, user, recording) => opened.push([client.peer.address, user, recording]),
    });
    const headers = await logIn(host, 'ada');
    let received = '';
    while (received.length < text.length) {
      const answer = await piece(host, name, `bytes=${received.length}-`, headers);
      assert.equal(answer.status, 206);
      const last = received.length + answer.text.length - 1;
      assert.equal(answer.headers['content-range'], `bytes ${received.length}-${last}/${text.length}`);
      assert.ok(answer.text.length <= 512 * 1024);
      assert.equal(answer.headers['cache-control'], 'no-store');
      assert.match(String(answer.headers['content-disposition']), /^attachment;/);
      received += answer.text;
    }
    assert.ok(received === text);
    assert.equal((await piece(host, name, 'bytes=3-9', headers)).text, text.slice(3, 10));
    assert.equal((await piece(host, name, 'bytes=0-9', headers, 'HEAD')).text, '');
    const after = await piece(host, name, `bytes=${text.length}-`, headers);
    assert.deepEqual([after.status, after.headers['content-range']], [416, `bytes */${text.length}`]);
    for (const range of ['', 'bytes=-5', 'bytes=0-1,4-5', 'bytes=x-', 'items=0-1']) {
      assert.equal((await piece(host, name, range, headers)).status, 400, range);
    }
    assert.equal((await piece(host, name, 'bytes=9-3', headers)).status, 404);
    assert.deepEqual(opened[0], ['127.0.0.1', 'ada', name]);
    // For each beginning of the file, not for each piece.
    assert.equal(opened.length, 2);
  });

  it('is refused while sixteen answers are queued', async () => {
    const folder = newFolder();
    const name = makeRecording(folder, { started: at(0), session: 1 });
    await using host = await startWeb(PROGRAM, optionsFor(folder));
    const headers = await logIn(host, 'ada');
    // Requests of one connection begin together, and are answered one after the other.
    const request = [
      `GET /recordings/${name} HTTP/1.1`,
      `Host: 127.0.0.1:${host.port}`,
      'Range: bytes=0-9',
      ...Object.entries(headers).map(([header, value]) => `${header}: ${value}`),
    ];
    const socket = connect(host.port, '127.0.0.1');
    try {
      socket.write(`${request.join('\r\n')}\r\n\r\n`.repeat(20));
      let text = '';
      const statuses = () => [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));
      for await (const bytes of socket) {
        text += bytes;
        if (statuses().length === 20) break;
      }
      assert.deepEqual(statuses(), [...Array(16).fill(206), ...Array(4).fill(503)]);
      assert.match(text, /^Retry-After: 1\r$/m);
    } finally {
      socket.destroy();
    }
    assert.equal((await piece(host, name, 'bytes=0-9', headers)).status, 206);
  });

  it('that was deleted meanwhile is not found', async () => {
    const folder = newFolder();
    const name = makeRecording(folder, { started: at(0), session: 1 });
    await using host = await startWeb(PROGRAM, optionsFor(folder));
    const headers = await logIn(host, 'ada');
    assert.equal((await piece(host, name, 'bytes=0-3', headers)).status, 206);
    rmSync(join(folder, name));
    assert.equal((await piece(host, name, 'bytes=4-7', headers)).status, 404);
  });

  it('cannot be another file, whatever name is requested', async () => {
    const folder = newFolder();
    const good = makeRecording(folder, { started: at(0), session: 1 });
    await using host = await startWeb(PROGRAM, optionsFor(folder));
    const headers = await logIn(host, 'ada');
    const names = [
      ...oddFiles(folder, good),
      ...['', '.', '..', '../passwords', '..%2fpasswords', '%2e%2e/passwords', '..\\passwords', '/etc/passwd'],
      ...[`${good}/`, `./${good}`, `${good}%00`, `${good}/../../passwords`, `x/../${good}`, `${good}.gz`],
      ...[good.toUpperCase(), `${good}%0d%0aX:1`, `%2fetc%2fpasswd`, '9'.repeat(4_000)],
    ];
    for (const name of names) {
      const { status, text } = await piece(host, name, 'bytes=0-', headers);
      assert.ok([404, 400].includes(status), `${name}: ${status}`);
      assert.doesNotMatch(text, /version|\$2/, name);
    }
    assert.equal((await piece(host, good, 'bytes=0-', headers)).status, 206);
  });
});

describe('the recordings are refused', { timeout: 60_000 }, () => {
  it('to visitors, to other users, without the token, and to pages of other sites', async () => {
    const folder = newFolder();
    const name = makeRecording(folder, { started: at(0), session: 1 });
    const opened: string[] = [];
    await using host = await startWeb(PROGRAM, optionsFor(folder), { onRecording: (_, __, file) => opened.push(file) });
    const [ada, bob] = [await logIn(host, 'ada'), await logIn(host, 'bob')];
    const { cookie, 'telpty-token': token } = ada;
    const cases: readonly (readonly [status: number, headers: Record<string, string>])[] = [
      [401, {}],
      [401, { cookie }],
      [401, { 'telpty-token': token }],
      [401, { cookie, 'telpty-token': bob['telpty-token'] }],
      [401, { cookie: bob.cookie, 'telpty-token': token }],
      [403, bob],
      [403, { ...ada, origin: 'https://evil.example' }],
      [403, { ...ada, 'sec-fetch-site': 'cross-site' }],
      [403, { ...ada, 'sec-fetch-site': 'same-site' }],
      [403, { ...ada, host: 'evil.example' }],
    ];
    for (const [status, headers] of cases) {
      for (const path of ['/recordings.json', `/recordings/${name}`]) {
        const answer = await ask(host.port, path, { headers: { range: 'bytes=0-', ...headers } });
        assert.equal(answer.status, status, `${path} ${JSON.stringify(headers)}`);
        assert.doesNotMatch(answer.text, /session-1|version/);
      }
    }
    assert.deepEqual(opened, []);
    const config = JSON.parse((await ask(host.port, '/config.json', { headers: bob })).text);
    assert.equal(config.recordings, false);
    const post = await ask(host.port, '/recordings.json', { method: 'POST', headers: ada });
    assert.equal(post.status, 405);
  });

  it('by a gateway that does not have the option', async () => {
    await using host = await startWeb(PROGRAM, { passwordFile });
    const headers = await logIn(host, 'ada');
    assert.equal((await ask(host.port, '/recordings.json', { headers })).status, 404);
  });

  it('to users that a proxy reports, unless they are operators', async () => {
    const folder = newFolder();
    makeRecording(folder, { started: at(0), session: 1 });
    const options = { userHeader: 'x-user', trustedProxies: ['127.0.0.1'], recordings: folder, operators: ['ada'] };
    await using host = await startWeb(PROGRAM, options);
    assert.equal((await list(host, { 'x-user': 'ada' })).recordings.length, 1);
    for (const [status, headers] of [
      [403, { 'x-user': 'bob' }],
      [401, {}],
      [401, { 'x-user': ['ada', 'ada'] }],
    ] as const) {
      const given = headers as Record<string, string | string[]>;
      assert.equal((await ask(host.port, '/recordings.json', { headers: given })).status, status);
    }
  });

  it('at the start, if it is not said who the operators are', () => {
    const server = createServer(() => {});
    const fails = (options: object) =>
      assert.throws(
        () => createWebGateway({ server, page: false, ...options }),
        (error: TelptyError) => error.code === 'ERR_INVALID_ARGUMENT',
      );
    fails({ recordings: directory });
    fails({ recordings: directory, passwordFile });
    fails({ recordings: directory, operators: ['ada'] });
    fails({ recordings: directory, operators: ['a b'], passwordFile });
    assert.ok(TelptyError);
  });
});
