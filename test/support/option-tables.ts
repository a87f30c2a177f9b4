/** The tables of the options of the library, each with the interface that documents them and the file that has both. */
import { connectOptions } from '../../src/client/connect.ts';
import { clientTerminalOptions } from '../../src/client/options.ts';
import type { AnyTable } from '../../src/options.ts';
import { ptyOptions } from '../../src/pty/options.ts';
import { recordOptions } from '../../src/recording/record.ts';
import { acceptOptions, serverOptions } from '../../src/server/options.ts';
import { lineOptions } from '../../src/session/conversation/dialogue.ts';
import { execOptions } from '../../src/session/conversation/exec.ts';
import { enableOptions, loginOptions } from '../../src/session/conversation/login.ts';
import { readingOptions } from '../../src/session/conversation/reading.ts';
import { findPromptOptions, resyncOptions } from '../../src/session/conversation/resync.ts';
import { waitOptions } from '../../src/session/conversation/waiting.ts';
import { observeOptions } from '../../src/session/observing/session-reader.ts';
import { readLineOptions } from '../../src/session/typed-lines.ts';
import { environmentOptions } from '../../src/shells/environment/environment.ts';
import { limitOptions } from '../../src/shells/guards/limit.ts';
import { robotCheckOptions } from '../../src/shells/guards/robot-check.ts';
import { sessionLimitsOptions } from '../../src/shells/guards/session-limits.ts';
import { ptyShellOptions } from '../../src/shells/program/options.ts';
import { listenOptions, localListenOptions } from '../../src/transport/listen-options.ts';
import { tlsOptions } from '../../src/transport/tls/options.ts';

export interface DeclaredOptions {
  readonly table: AnyTable;
  /** The interface, and those that it extends. */
  readonly interfaces: readonly string[];
  /** Of the last interface; the others are found in the other tables. */
  readonly file: string;
}

const declared = (table: AnyTable, file: string, ...interfaces: string[]): DeclaredOptions => ({
  ...{ table, interfaces },
  file: `src/${file}`,
});

export const declaredOptions: readonly DeclaredOptions[] = [
  declared(serverOptions, 'server/options.ts', 'ServerOptions'),
  declared(acceptOptions, 'server/options.ts', 'AcceptOptions'),
  declared(listenOptions, 'transport/listen-options.ts', 'TcpListenOptions', 'ListenOptions'),
  declared(localListenOptions, 'transport/listen-options.ts', 'LocalSocketOptions', 'LocalListenOptions'),
  declared(tlsOptions, 'transport/tls/options.ts', 'TlsOptions'),
  declared(environmentOptions, 'shells/environment/environment.ts', 'EnvironmentPolicy'),
  declared(ptyShellOptions, 'shells/program/options.ts', 'EnvironmentPolicy', 'PtyShellOptions'),
  declared(sessionLimitsOptions, 'shells/guards/session-limits.ts', 'SessionLimitsOptions'),
  declared(limitOptions, 'shells/guards/limit.ts', 'LimitOptions'),
  declared(robotCheckOptions, 'shells/guards/robot-check.ts', 'RobotCheckOptions'),
  declared(observeOptions, 'session/observing/session-reader.ts', 'ObserveOptions'),
  declared(recordOptions, 'recording/record.ts', 'RecordOptions'),
  declared(waitOptions, 'session/conversation/waiting.ts', 'WaitOptions'),
  declared(readingOptions, 'session/conversation/reading.ts', 'WaitOptions', 'ReadOptions'),
  declared(lineOptions, 'session/conversation/dialogue.ts', 'LineOptions'),
  declared(execOptions, 'session/conversation/exec.ts', 'WaitOptions', 'ReadOptions', 'LineOptions', 'ExecOptions'),
  declared(
    loginOptions,
    'session/conversation/login.ts',
    'WaitOptions',
    'ReadOptions',
    'LineOptions',
    'LoginAnswers',
    'LoginOptions',
  ),
  declared(
    enableOptions,
    'session/conversation/login.ts',
    'WaitOptions',
    'ReadOptions',
    'LineOptions',
    'LoginAnswers',
    'EnableOptions',
  ),
  declared(
    findPromptOptions,
    'session/conversation/resync.ts',
    'WaitOptions',
    'ReadOptions',
    'LineOptions',
    'FindPromptOptions',
  ),
  declared(
    resyncOptions,
    'session/conversation/resync.ts',
    'WaitOptions',
    'ReadOptions',
    'LineOptions',
    'FindPromptOptions',
    'ResyncOptions',
  ),
  declared(readLineOptions, 'session/typed-lines.ts', 'ReadLineOptions'),
  declared(connectOptions, 'client/connect.ts', 'WaitOptions', 'ConnectOptions'),
  declared(clientTerminalOptions, 'client/options.ts', 'ClientTerminal'),
  declared(ptyOptions, 'pty/options.ts', 'PtyOptions'),
];
