/**
 * The options of the commands, each in one table that drives everything: what is parsed, from the command line and from
 * a configuration file, and what the help prints. An option that is not in its table is unknown.
 */
import * as values from './values.ts';

/** One option. Its name is its key in the table. */
export interface OptionSpec<T = unknown> {
  /** What the help calls its value. A flag has none. */
  readonly argument?: string;
  /** Makes a value of the text, or throws `ERR_USAGE`. */
  readonly parse: (text: string) => T;
  /** The default, written as a user would write it. */
  readonly default?: string;
  /** What the help gives as the default where `default` cannot say it. */
  readonly defaultWords?: string;
  /** Whether it may be given several times and each counts; of any other the last one wins. */
  readonly repeatable?: boolean;
  /** Whether a value is `NAME=SOMETHING`, so that a configuration file may have a mapping. */
  readonly pairs?: boolean;
  /** Whether it has no place in a configuration file. */
  readonly commandLineOnly?: boolean;
  readonly help: string;
}

/** The options of a command by their long names. */
export type OptionTable = Readonly<Record<string, OptionSpec>>;

/** What a table's options come to, by their names. */
export type OptionValues<Table extends OptionTable> = {
  readonly [Name in keyof Table]: Table[Name] extends OptionSpec<infer T>
    ? Table[Name] extends { readonly repeatable: true }
      ? readonly T[]
      : Table[Name] extends { readonly default: string }
        ? T
        : T | undefined
    : never;
};

const flag = { parse: values.boolean, default: 'false' } as const;

/** The options of `telpty serve`. */
export const serveOptions = {
  host: { argument: 'ADDR', parse: values.host, default: '127.0.0.1', help: 'the address to listen on' },
  port: { argument: 'N', parse: values.port, default: '6023', help: 'the port to listen on; 0 picks a free one' },
  mode: {
    argument: 'character|raw|line',
    parse: values.choice('character', 'raw', 'line'),
    default: 'character',
    help: 'character: as ssh does; raw: for programs that do their own terminal I/O; line: for clients that edit and echo',
  },
  encoding: {
    argument: 'NAME',
    parse: values.charset,
    default: 'utf-8',
    help: "the client's character set where it negotiates none",
  },
  'program-encoding': {
    argument: 'client|NAME',
    parse: values.programEncoding,
    default: 'client',
    help: "client: programs are told the client's set and bytes pass; a name: they run in that set and telpty converts",
  },
  linemode: {
    argument: 'auto|never',
    parse: values.choice('auto', 'never'),
    default: 'auto',
    help: 'in mode character: whether clients that can (RFC 1184) edit lines while the program wants lines',
  },
  term: {
    argument: 'NAME',
    parse: values.terminalName,
    default: 'xterm',
    help: 'the terminal type where the client names none',
  },
  'negotiation-timeout': {
    argument: 'T',
    parse: values.duration(),
    default: '2s',
    help: 'longest wait for terminal type and window size before the program starts',
  },
  'never-send-ga': { ...flag, help: 'never send IAC GA' },
  cwd: { argument: 'DIR', parse: values.text, defaultWords: 'current', help: "the program's working directory" },
  env: {
    argument: 'NAME=VALUE',
    parse: values.envAssignment,
    repeatable: true,
    pairs: true,
    help: 'set for the program',
  },
  'pass-env': {
    argument: 'NAME',
    parse: values.envName,
    repeatable: true,
    help: "pass on from the server's own environment",
  },
  'accept-env': {
    argument: 'NAME',
    parse: values.acceptableEnvName,
    repeatable: true,
    help: 'accept from the client, beside the built-in list',
  },
  user: {
    argument: 'NAME',
    parse: values.text,
    defaultWords: "the server's user",
    help: 'run the program as this user; needs root',
  },
  rlimit: {
    argument: 'NAME=SOFT[:HARD]',
    parse: values.resourceLimit,
    repeatable: true,
    pairs: true,
    help: 'limit a resource: cpu=60, as=512M, nproc=64, nofile=256, core=0, as=unlimited',
  },
  'size-env': { ...flag, help: 'also export LINES and COLUMNS (they pin curses programs to the first size)' },
  'kill-timeout': { argument: 'T', parse: values.duration(), default: '1s', help: 'between SIGHUP and SIGKILL' },
  linger: {
    argument: 'T',
    parse: values.duration(),
    default: '500ms',
    help: 'after the client closed its sending half: how long the program may go on',
  },
  'max-sessions': {
    argument: 'N',
    parse: values.integer(0),
    default: '1000',
    help: 'sessions at a time; more are told so and closed; 0: any number',
  },
  'idle-timeout': {
    argument: 'T',
    parse: values.duration(Number.MAX_SAFE_INTEGER),
    default: '0',
    defaultWords: 'off',
    help: 'end a session without input for so long',
  },
  'session-timeout': {
    argument: 'T',
    parse: values.duration(Number.MAX_SAFE_INTEGER),
    default: '0',
    defaultWords: 'off',
    help: 'end a session after so long',
  },
  compatibility: {
    argument: 'strict|tolerant',
    parse: values.choice('strict', 'tolerant'),
    default: 'strict',
    help: 'a client that asks again for what is on: strict ignores it (RFC 1143), tolerant answers once more',
  },
  compression: { ...flag, help: 'offer compression to clients that know MCCP2 and MCCP3; never under TLS' },
  workers: {
    argument: 'N|auto',
    parse: values.workers,
    default: '1',
    help: 'processes that share the port; auto: one for each CPU that may be used',
  },
  config: {
    argument: 'FILE',
    parse: values.text,
    commandLineOnly: true,
    help: 'read options by their long names from a JSON or YAML file; the command line wins; `program` there is a list',
  },
  'log-level': {
    argument: 'LEVEL',
    parse: values.choice('trace', 'debug', 'info', 'warn', 'error', 'silent'),
    default: 'info',
    help: 'trace, debug, info, warn, error or silent; debug tells negotiation in words, trace shows every byte',
  },
  'log-format': {
    argument: 'pretty|json',
    parse: values.choice('pretty', 'json'),
    defaultWords: 'pretty on a terminal, else json',
    help: 'how log lines look on standard error',
  },
  help: { ...flag, commandLineOnly: true, help: 'show this' },
} as const satisfies OptionTable;
