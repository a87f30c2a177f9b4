/** The options of the library are checked by their tables; each function uses its own table. */
import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { connectOptions } from '../src/client/connect.ts';
import { clientTerminalOptions } from '../src/client/options.ts';
import {
  connect,
  createServer,
  limit,
  ptyShell,
  robotCheck,
  type Session,
  SessionLimits,
  type TelptyError,
} from '../src/index.ts';
import {
  type AnyRule,
  type AnyTable,
  boolean,
  duration,
  type OptionTable,
  oneOf,
  readOptions,
  required,
  text,
  whole,
} from '../src/options.ts';
import { spawnPty, startPty } from '../src/pty/index.ts';
import { ptyOptions } from '../src/pty/options.ts';
import { acceptOptions, serverOptions } from '../src/server/options.ts';
import { lineOptions } from '../src/session/conversation/dialogue.ts';
import { execOptions } from '../src/session/conversation/exec.ts';
import { enableOptions, loginOptions } from '../src/session/conversation/login.ts';
import { readingOptions } from '../src/session/conversation/reading.ts';
import { findPromptOptions, resyncOptions } from '../src/session/conversation/resync.ts';
import { waitOptions } from '../src/session/conversation/waiting.ts';
import { readLineOptions } from '../src/session/typed-lines.ts';
import { limitOptions } from '../src/shells/guards/limit.ts';
import { robotCheckOptions } from '../src/shells/guards/robot-check.ts';
import { sessionLimitsOptions } from '../src/shells/guards/session-limits.ts';
import { ptyShellOptions } from '../src/shells/program/options.ts';
import { listenOptions, localListenOptions } from '../src/transport/listen-options.ts';
import { tlsOptions } from '../src/transport/tls/options.ts';

/** A function with options. */
interface Taker {
  readonly table: AnyTable;
  /** Valid options for it. */
  readonly good?: object;
  /** The prefix of names in its errors. */
  readonly prefix?: string;
  /** Calls it; throws or rejects like the function. */
  readonly call: (options: never) => unknown;
}

const shell = () => {};
const session = (): Session => createServer(shell).handle(new Duplex({ read() {}, write: (_, __, done) => done() }));
const onSession = (call: (session: Session) => unknown) => async () => {
  const one = session();
  try {
    await call(one);
  } finally {
    one.destroy();
  }
};
const listen = (options: never) => createServer(shell).listen(options);

const takers: Readonly<Record<string, Taker>> = {
  createServer: { table: serverOptions, good: { shell }, call: createServer },
  listen: { table: listenOptions, good: { port: 0 }, call: listen },
  'listen({ path })': { table: localListenOptions, good: { path: '/nowhere/socket' }, call: listen },
  'listen({ accept })': { table: acceptOptions, good: { accept: [] }, call: listen },
  'listen({ tls })': {
    table: tlsOptions,
    good: { cert: 'a', key: 'b' },
    prefix: 'tls.',
    call: tls => listen({ port: 0, tls } as never),
  },
  ptyShell: { table: ptyShellOptions, call: options => ptyShell('true', [], options) },
  limit: { table: limitOptions, call: options => limit(options) },
  SessionLimits: { table: sessionLimitsOptions, call: options => new SessionLimits(options) },
  robotCheck: { table: robotCheckOptions, call: options => robotCheck(options) },
  connect: { table: connectOptions, call: connect },
  'connect({ terminal })': {
    table: clientTerminalOptions,
    prefix: 'terminal.',
    call: terminal => connect({ terminal }),
  },
  spawnPty: { table: ptyOptions, call: options => spawnPty('true', [], options) },
  startPty: { table: ptyOptions, call: options => startPty('true', [], options) },
  waitFor: { table: waitOptions, call: options => onSession(one => one.waitFor(() => false, options))() },
  readUntil: { table: readingOptions, call: options => onSession(one => one.readUntil('x', options))() },
  sendLine: { table: lineOptions, call: options => onSession(one => one.sendLine('x', options))() },
  exec: { table: execOptions, call: options => onSession(one => one.exec('x', options))() },
  login: { table: loginOptions, call: options => onSession(one => one.login(options))() },
  enable: { table: enableOptions, call: options => onSession(one => one.enable(options))() },
  findPrompt: { table: findPromptOptions, call: options => onSession(one => one.findPrompt(options))() },
  resync: { table: resyncOptions, call: options => onSession(one => one.resync(options))() },
  readLine: { table: readLineOptions, call: options => onSession(one => one.readLine(options))() },
};

/** Values of all types. */
const SAMPLES: readonly unknown[] = [
  ...[null, true, '', 'a\0b\n', -1, 1.5, Number.NaN, 2 ** 53, 12n, Symbol('s'), () => {}, [], [7], {}, { '': 7 }],
];

function wrongFor(rule: AnyRule): unknown[] {
  const { min, max } = rule as { readonly min?: number; readonly max?: number };
  const outside = min === undefined || max === undefined ? [] : [min - 1, max + 1];
  return [...SAMPLES, ...outside].filter(value => rule.problem(value, 'x') !== undefined);
}

async function errorOf(call: () => unknown): Promise<TelptyError> {
  try {
    await call();
  } catch (error) {
    return error as TelptyError;
  }
  throw new assert.AssertionError({ message: 'nothing was thrown' });
}

describe('wrong values of each option are refused in one line with its name, by', () => {
  for (const [name, { table, good = {}, prefix = '', call }] of Object.entries(takers)) {
    it(name, async () => {
      for (const [option, rule] of Object.entries(table)) {
        const wrong = wrongFor(rule);
        assert.ok(wrong.length >= 4, `${option}: only ${wrong.length} of the samples are wrong`);
        for (const value of wrong) {
          // Only the path or the streams distinguish the three kinds of listeners.
          const options = { ...good, [option]: value };
          const { code, message } = await errorOf(() => call(options as never));
          assert.equal(code, 'ERR_INVALID_ARGUMENT', `${option}: ${String(value)}: ${message}`);
          assert.ok(message.includes(`${prefix}${option}`), message);
          assert.ok(!message.includes('\n'), message);
        }
      }
    });
  }
});

describe('an unknown option is refused with the most similar known one, by', () => {
  for (const [name, { table, good = {}, call }] of Object.entries(takers)) {
    it(name, async () => {
      for (const option of Object.keys(table)) {
        const misspelt = `${option}z`;
        const { code, message } = await errorOf(() => call({ ...good, [misspelt]: undefined } as never));
        assert.equal(code, 'ERR_INVALID_ARGUMENT');
        assert.match(message, new RegExp(`have no option '${misspelt}'; did you mean '${option}'\\?$`));
      }
      const { message } = await errorOf(() => call({ ...good, somethingElse: 1 } as never));
      assert.match(message, /have no option 'somethingElse'$/);
    });
  }
});

it('a required option that is left out is refused', async () => {
  for (const [name, { table, good = {}, call }] of Object.entries(takers)) {
    for (const [option, { isRequired }] of Object.entries(table)) {
      // Without these options it is another kind of listener.
      if (!isRequired || ['path', 'accept'].includes(option)) continue;
      const { code, message } = await errorOf(() => call({ ...good, [option]: undefined } as never));
      assert.equal(code, 'ERR_INVALID_ARGUMENT', name);
      assert.match(message, new RegExp(`${option} must be .*, not undefined$`));
    }
  }
});

it('a default passes its own check', () => {
  for (const [name, { table }] of Object.entries(takers)) {
    for (const [option, rule] of Object.entries(table)) {
      if (rule.default === undefined) continue;
      assert.equal(rule.problem(rule.default, option), undefined, name);
    }
  }
});

interface LampOptions {
  readonly colour: 'red' | 'green';
  readonly time?: number;
  readonly isBright?: boolean | undefined;
}

const lampOptions = {
  colour: required(oneOf(['red', 'green'])),
  time: duration({ default: 1_000 }),
  isBright: boolean(),
} satisfies OptionTable<LampOptions>;

it('options have their defaults; undefined is the same as omitted', () => {
  const read = (options: LampOptions) => readOptions('lamp', lampOptions, options);
  assert.deepEqual(read({ colour: 'red' }), { colour: 'red', time: 1_000, isBright: undefined });
  assert.deepEqual(read({ colour: 'red', time: 0, isBright: false }), { colour: 'red', time: 0, isBright: false });
  assert.deepEqual(read({ colour: 'red', isBright: undefined }).isBright, undefined);
  const time: number = read({ colour: 'green' }).time;
  assert.equal(time, 1_000);
});

it('errors name the allowed and the given value', () => {
  const error = (options: object) => {
    try {
      readOptions('lamp', lampOptions, options);
    } catch (thrown) {
      return (thrown as TelptyError).message;
    }
    return undefined;
  };
  assert.equal(error({ colour: 'blue' }), "colour must be 'red' or 'green', not 'blue'");
  assert.equal(
    error({ colour: 'red', time: '5' }),
    "time must be a whole number from 0 to 2147483647, not the text '5'; use Number()",
  );
  assert.equal(error({ colour: 'red', isBright: [] }), 'isBright must be a boolean, not an array');
  assert.equal(error({ colour: 'a\n\u001b' }), String.raw`colour must be 'red' or 'green', not "a\n\u001b"`);
  assert.equal(error([] as object), "colour must be 'red' or 'green', not undefined");
  assert.equal(error(null as never), 'the options of lamp must be an object, not null');
  assert.equal(error({ color: 'red' }), "the options of lamp have no option 'color'; did you mean 'colour'?");
});

it('no error contains a password', async () => {
  const wrong = { username: 'ada', password: 1_234 } as never;
  const { message } = await errorOf(() => onSession(one => one.login(wrong))());
  assert.equal(message, 'password must be a string');
});

// The compiler checks the rest: a table that does not fit its interface is a type error.
({
  colour: required(oneOf(['red', 'green'])),
  time: duration(),
  // @ts-expect-error a row is missing
}) satisfies OptionTable<LampOptions>;
({
  ...lampOptions,
  // @ts-expect-error there is an extra row
  hue: text(),
}) satisfies OptionTable<LampOptions>;
({
  ...lampOptions,
  // @ts-expect-error a check for another type
  time: text(),
}) satisfies OptionTable<LampOptions>;
({
  ...lampOptions,
  // @ts-expect-error a value is missing
  colour: required(oneOf(['red'])),
}) satisfies OptionTable<LampOptions>;
({
  ...lampOptions,
  // @ts-expect-error there is an extra value
  colour: required(oneOf(['red', 'green', 'blue'])),
}) satisfies OptionTable<LampOptions>;
({
  ...lampOptions,
  // @ts-expect-error it must not be omitted
  colour: oneOf(['red', 'green']),
}) satisfies OptionTable<LampOptions>;
({
  ...lampOptions,
  // @ts-expect-error a default of another type
  time: whole({ default: '5' }),
}) satisfies OptionTable<LampOptions>;
