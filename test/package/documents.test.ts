/**
 * The programs of README.md, docs/library.md and docs/migration.md, pasted into a project after `npm init -y` and
 * `tsc --init`. Those without types run as JavaScript, and TypeScript compiles them to the same program. The others are
 * compiled and run.
 */
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stop, transform } from 'esbuild';
import { tool } from '../../scripts/lib/tools.mjs';
import { clientTalks, loginServer, PASSWORD, peers, switchServer, talks } from '../docs/conversations.ts';
import { document } from '../docs/markdown.ts';
import { HOOK, PORT, programsOf, type Running, startProgram } from '../docs/programs.ts';
import { Wire } from '../support/clients/test-client.ts';
import { connectSecurely } from '../support/clients/tls-client.ts';
import { selfSigned } from '../support/servers/certificates.ts';
import { installedProject } from './support.ts';

/** Programs that contain types. */
const TYPESCRIPT_ONLY = new Set(['guarded', 'composition', 'engine', 'own-option']);

const programs = ['README.md', 'docs/library.md', 'docs/migration.md'].flatMap(name => programsOf(document(name)));
const project = installedProject({});
after(() => project[Symbol.dispose]());
/** By name: a program without types as it is written, and as it is compiled, in the form of `normal`. */
const texts = new Map<string, readonly [written: string, compiled: string]>();

before(async () => {
  await project.run(['npm', 'init', '-y']);
  for (const { name, code } of programs) {
    project.write(`typescript/${name}.mts`, code);
    if (!TYPESCRIPT_ONLY.has(name!)) project.write(`javascript/${name}.mjs`, code);
  }
  const tsc = join(await tool('typescript@6'), 'bin', 'tsc');
  await project.run([process.execPath, tsc, '--init']);
  await project.run([process.execPath, tsc, '-p', '.']);
  for (const { name } of programs) {
    if (TYPESCRIPT_ONLY.has(name!)) continue;
    texts.set(name!, [await normal(`javascript/${name}.mjs`), await normal(`typescript/${name}.mjs`)]);
  }
  // Its process would count as one that a program has left.
  await stop();
  copyFileSync(HOOK, join(project.directory, 'hook.mjs'));
});

/** Starts a program with a port to listen on or to connect to, after changes to its text. */
function start(
  language: string,
  name: string,
  port: number,
  ...changes: readonly (readonly [from: string, to: string])[]
): Running {
  const file = join(project.directory, language, `${name}.mjs`);
  let code = readFileSync(file, 'utf8');
  for (const [from, to] of changes) {
    assert.ok(code.includes(from), `${name} has no ${from}`);
    code = code.replace(from, to);
  }
  writeFileSync(file, code.replaceAll(PORT, String(port)));
  return startProgram(file, join(project.directory, 'hook.mjs'), { PASSWORD });
}

/** Replaces a game. */
const ECHO = ["ptyShell('nethack')", "ptyShell('echo', ['It is dark.'])"] as const;

/** For the programs that test/docs does not run. */
const furtherTalks: Readonly<Record<string, (language: string) => Promise<void>>> = {
  welcome: async language => {
    await using program = start(language, 'welcome', 0, ECHO);
    await using wire = await Wire.connect(await program.port());
    await wire.expect('Welcome, 127.0.0.1.\r\nIt is dark.\r\nGoodbye (0).\r\n');
    await wire.untilEnd();
  },
  switch: async language => {
    await using server = await switchServer();
    await using program = start(language, 'switch', server.port, ["host: 'switch.lab', tls: true", `port: ${PORT}`]);
    assert.equal(await program.output(), 'Version 1.0\n\n');
  },
  tls: async language => {
    using certificate = selfSigned('IP:127.0.0.1');
    project.write(`${language}/cert.pem`, certificate.cert);
    project.write(`${language}/key.pem`, certificate.key);
    await using program = start(language, 'tls', 0, ECHO, ["'0.0.0.0', port: 992", `'127.0.0.1', port: ${PORT}`]);
    await using wire = await connectSecurely(await program.port());
    await wire.expect('It is dark.');
  },
};

/** Code in the form that does not depend on spaces, quotes and comments. */
const normal = async (file: string) =>
  (await transform(readFileSync(join(project.directory, file), 'utf8'), { minifyWhitespace: true, format: 'esm' }))
    .code;

describe('the programs of the documents', { concurrency: 3 }, () => {
  for (const { name } of programs) {
    const language = TYPESCRIPT_ONLY.has(name!) ? 'typescript' : 'javascript';
    it(`${name}, in ${language}`, async () => {
      const [written, compiled] = texts.get(name!) ?? [];
      assert.equal(compiled, written);
      const talk = talks[name!];
      const judge = clientTalks[name!];
      if (talk !== undefined) {
        await using program = start(language, name!, 0);
        await talk(program, Wire.connect);
      } else if (judge !== undefined) {
        await using host = await (peers[name!] ?? loginServer)();
        await using program = start(language, name!, host.port);
        judge(await program.output());
      } else {
        await furtherTalks[name!]!(language);
      }
    });
  }
});
