/**
 * Runs tests: `node scripts/test.mjs [--tier NAME] [--forbid-skips] [PATH-PART...]`.
 *
 * Without a tier and without parts of paths, the tier `core` runs. With parts, the files of all tiers whose path
 * contains one of them run. A test that needs what this machine lacks (a program, root) throws `MissingRequirement` of
 * test/support/system/tools.ts. It counts as skipped here, with the reason, and as failed under --forbid-skips, as on
 * CI.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { Transform } from 'node:stream';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { mirror, mirrorOf, originalOf } from './lib/mirror.mjs';
import { pack } from './lib/pack.mjs';
import { hideCertificates, plainEnvironment } from './lib/tools.mjs';
import { translateAll } from './lib/translate.mjs';

/** Folders of test/ by tier. A file outside them, and a folder that no tier names, is an error. */
const TIERS = {
  // Needs nothing but Node.js and a C compiler.
  core: [
    'protocol',
    'charset',
    'native',
    'screen',
    'recording',
    'pty',
    'session',
    'transport',
    'client',
    'shells',
    'web',
    'support',
    'scripts',
    'options.test.ts',
  ],
  // The command, and real clients, servers, programs and browsers.
  interop: ['cli', 'interop', 'browser', 'docs', 'examples', 'layers.test.ts'],
  // The page of the gateway in Chromium, which needs both processors: beside other tests it slows them down.
  page: ['page'],
  // Faults, attacks, and a short form of the campaigns.
  faults: ['faults', 'security', 'fuzz'],
  // The packed package in empty projects.
  package: ['package'],
};

/**
 * Files that take long, the longest first. They are started before all others: one that starts last adds its whole
 * length to the tier's. The last lines of a run name the slowest files.
 */
const SLOW = [
  ...[
    'shells/program/hangup',
    'session/late-answers',
    'session/compression',
    'shells/line-editing/line-mode',
    'pty/process/undying',
  ],
  ...[
    'pty/terminal/flood-schedules',
    'shells/output/flood-path',
    'pty/process/stuck-start',
    'client/dialogue',
    'shells/output/floods',
    'pty/process/hangup',
    'shells/program/ends',
    'screen/machines',
  ],
  ...[
    'pty/cgroup/limits',
    'shells/program/keys',
    'shells/guards/robot-check',
    'pty/terminal/output',
    'transport/tls',
    'pty/process/resources',
  ],
  ...[
    'page/terminal',
    'page/tools',
    'interop/nc',
    'docs/library',
    'cli/serve/metrics',
    'cli/serve/stuck-start',
    'cli/main',
    'cli/serve/session-ends',
    'cli/serve/takeover',
  ],
  ...[
    'examples/automation',
    'cli/access/local-user',
    'interop/telnet/shell',
    'cli/workers/dispatcher',
    'cli/access/guards',
    'interop/tintin',
  ],
  ...['package/documents', 'package/install', 'package/debian', 'package/container'],
  ...['cli/connect/piped', 'cli/connect/terminal', 'cli/access/tls', 'cli/connect/hostile', 'interop/leftovers'],
];

/**
 * How long a file may take, in milliseconds, before it counts as hanging: six times as long as the slowest one. Waits
 * in tests end sooner (test/support/patience.ts), and so do tests (10 min).
 */
const FILE_LIMIT_MS = 900_000;

let options;
try {
  options = parseArgs({
    options: { tier: { type: 'string' }, 'forbid-skips': { type: 'boolean', default: false } },
    allowPositionals: true,
  });
} catch (error) {
  refuse(error.message);
}
const { values, positionals: parts } = options;
const tier = values.tier ?? (parts.length > 0 ? 'all' : 'core');
if (tier !== 'all' && !Object.hasOwn(TIERS, tier)) {
  refuse(`--tier: '${tier}' is not one of ${[...Object.keys(TIERS), 'all'].join(', ')}`);
}

function refuse(message) {
  process.stderr.write(`test.mjs: ${message}\n`);
  process.exit(2);
}

const all = readdirSync('test', { recursive: true })
  .map(name => String(name).replaceAll('\\', '/'))
  .filter(name => name.endsWith('.test.ts'))
  .sort();
const tierOf = name => Object.keys(TIERS).find(key => TIERS[key].includes(name.split('/')[0]));
const stray = all.find(name => tierOf(name) === undefined);
if (stray !== undefined) refuse(`test/${stray} belongs to no tier; name its folder in scripts/test.mjs`);

const counts = { tests: 0, pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0 };
const skips = new Map();
const seconds = [];
const fileSeconds = new Map();
const began = performance.now();

hideCertificates();
const TRANSLATED = ['src', 'web', 'test', 'scripts', 'bench', 'fuzz', 'examples'];
// For the programs that tests start.
await translateAll(TRANSLATED);
// A report of coverage is about the files that are in the repository.
const isMirrored = process.env.NODE_V8_COVERAGE === undefined;
if (isMirrored) await mirror(TRANSLATED);
for (const name of tier === 'all' ? Object.keys(TIERS) : [tier]) {
  const files = all
    .filter(file => tierOf(file) === name)
    .filter(file => parts.length === 0 || parts.some(part => `test/${file}`.includes(part)))
    .sort((one, other) => rank(one) - rank(other))
    .map(file => join('test', file));
  if (files.length === 0) continue;
  if (name === 'package') install(process.env.TELPTY_TARBALL ?? (await pack()));
  const start = performance.now();
  await runFiles(files);
  seconds.push(`${name} ${((performance.now() - start) / 1_000).toFixed(0)} s`);
}
if (seconds.length === 0) refuse(`no test file matches ${parts.join(' ') || tier}`);

/** The index of a file in SLOW, or an index after all of them. */
function rank(file) {
  const index = SLOW.indexOf(file.replace('.test.ts', ''));
  return index === -1 ? SLOW.length : index;
}

/** Installs the packed package into a project, for the tests that need no installation of their own. */
function install(tarball) {
  const directory = join('.cache', 'package', 'project');
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'package.json'), '{ "private": true }');
  const options = ['--no-audit', '--no-fund', '--loglevel=error'];
  const { status } = spawnSync('npm', ['install', ...options, resolve(tarball)], {
    cwd: directory,
    env: plainEnvironment(),
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) process.exit(status ?? 1);
}

/** Runs files and prints what happens, until all of them have ended. */
async function runFiles(files) {
  // Tests wait more than they compute: three files per processor keep it busy.
  const concurrency = Math.max(4, 3 * availableParallelism());
  const started = isMirrored ? files.map(file => mirrorOf(resolve(file))) : files;
  const events = run({ files: started, concurrency, timeout: FILE_LIMIT_MS });
  const output = events.pipe(judge()).compose(spec);
  for await (const text of output) process.stdout.write(text);
}

/**
 * Counts results, and turns failures due to a missing requirement into skips. A suite fails with its tests, so a suite
 * with no other failures has passed.
 */
function judge() {
  // By nesting: whether a test of the suite that is open there has truly failed.
  const failedBelow = [];
  // By file: what it lacks, if it ends before its tests begin. Then the error is known only from what it prints.
  const lacks = new Map();
  return new Transform({
    objectMode: true,
    transform({ type, data: reported }, _encoding, done) {
      const data = withOriginals(reported);
      // The closing lines are ours, over all files and tiers.
      if (
        type === 'test:summary' ||
        (type === 'test:diagnostic' &&
          data.nesting === 0 &&
          /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /.test(data.message))
      )
        return done();
      if (type === 'test:stderr') {
        const [, text] = /^MissingRequirement\b.*?: (needs .*)$/m.exec(data.message) ?? [];
        if (text !== undefined) lacks.set(resolve(data.file), text);
      }
      if (type === 'test:complete' && data.nesting === 0 && data.name.endsWith('.test.ts'))
        fileSeconds.set(relative('test', resolve(data.name)), data.details.duration_ms / 1_000);
      if (type !== 'test:pass' && type !== 'test:fail') return done(null, { type, data });

      const isSuite = data.details?.type === 'suite';
      const failedInside = failedBelow[data.nesting + 1] === true;
      failedBelow[data.nesting + 1] = false;
      let failed = type === 'test:fail';
      const error = data.details?.error;
      let reason;
      if (failed && error?.failureType === 'subtestsFailed') failed = failedInside;
      else if (failed && !values['forbid-skips'])
        reason =
          missing(error) ??
          (data.nesting === 0 && error?.exitCode !== undefined ? lacks.get(resolve(data.file)) : undefined);
      if (reason !== undefined) failed = false;
      if (failed) failedBelow[data.nesting] = true;

      if (!isSuite) {
        counts.tests++;
        if (reason !== undefined || data.skip !== undefined) {
          counts.skipped++;
          const text = reason ?? String(data.skip);
          skips.set(text, (skips.get(text) ?? 0) + 1);
        } else if (data.todo !== undefined) counts.todo++;
        else if (!failed) counts.pass++;
        else if (error?.failureType === 'cancelledByParent') counts.cancelled++;
        else counts.fail++;
      } else if (failed && error?.failureType !== 'subtestsFailed') counts.fail++;

      const { error: _error, ...details } = data.details ?? {};
      const shown = failed ? data : { ...data, details, ...(reason === undefined ? {} : { skip: reason }) };
      done(null, { type: failed ? 'test:fail' : 'test:pass', data: shown });
    },
  });
}

/** What the runner reports, with the files that were translated instead of their translations. */
function withOriginals(data) {
  const changed = {};
  if (typeof data?.file === 'string') changed.file = originalOf(data.file);
  if (data?.nesting === 0 && typeof data.name === 'string' && data.name.endsWith('.mjs'))
    changed.name = relative('.', originalOf(resolve(data.name)));
  return { ...data, ...changed };
}

/** The requirement that an error names, or undefined. The error comes from another process, so its class is lost. */
function missing(error) {
  for (let cause = error; cause instanceof Error || typeof cause === 'object'; cause = cause?.cause) {
    if (cause === null || cause === undefined) return undefined;
    const [, reason] = /^(?:Error: |MissingRequirement: )?(needs .*)/.exec(cause.message ?? '') ?? [];
    if (cause.code === 'ERR_MISSING_REQUIREMENT' && reason !== undefined) return reason;
  }
  return undefined;
}

const slowest = [...fileSeconds].sort(([, one], [, other]) => other - one).slice(0, 10);
if (fileSeconds.size > slowest.length) {
  const text = slowest.map(([file, time]) => `${file.replace('.test.ts', '')} ${time.toFixed(0)} s`).join(', ');
  process.stdout.write(`ℹ slowest files: ${text}\n`);
}
for (const [reason, count] of skips) process.stdout.write(`ℹ skipped ${count} × ${reason}\n`);
if (seconds.length > 1) process.stdout.write(`ℹ ${seconds.join(', ')}\n`);
for (const [name, count] of Object.entries(counts)) process.stdout.write(`ℹ ${name} ${count}\n`);
process.stdout.write(`ℹ duration_ms ${(performance.now() - began).toFixed(0)}\n`);
if (tier === 'core')
  process.stdout.write('the rest: npm run test:interop, test:faults, test:package, or all of it: npm run test:all\n');
const failed = counts.fail + counts.cancelled + (values['forbid-skips'] ? counts.skipped : 0);
if (failed > 0) process.exitCode = 1;
