/** The metrics of a process that serves sessions: counted from the events of its server, or looked up on request. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { addon } from '../../native/load.ts';
import { onAbandoned } from '../../pty/program.ts';
import { recordingCounts } from '../../recording/writing/recorder.ts';
import type { Server, SessionOutcome } from '../../server/server.ts';
import type { Session } from '../../session/session.ts';
import type { StartedProgram } from '../../shells/program/options.ts';
import { endOf, isRefused, OUTCOMES } from '../log/exit-fields.ts';
import { KeyDelay } from './key-delay.ts';
import { ProcessMetrics } from './process.ts';
import { ReasonCounter, refusals } from './reasons.ts';
import type { MetricsReport } from './report.ts';

/** Counts the events of a server. */
export class ServerMetrics {
  readonly #registry = new Registry();
  readonly #process = new ProcessMetrics(this.#registry);
  readonly #server: Server;
  /** Bytes of the sessions that have ended. */
  #received = 0;
  #sent = 0;

  readonly #connections = this.#counter('telpty_connections_total', 'Connections that became sessions');
  readonly #ended = this.#counter('telpty_sessions_total', 'Ended sessions, by outcome', ['outcome']);
  readonly #hangups = new ReasonCounter(
    this.#registry,
    'telpty_hangups_total',
    'Sessions ended by a hangup, by reason',
  );
  readonly #refused = refusals(this.#registry);
  readonly #receivedTotal = this.#counter('telpty_received_bytes_total', 'Bytes received from clients');
  readonly #sentTotal = this.#counter('telpty_sent_bytes_total', 'Bytes sent to clients');
  readonly #sessions = this.#gauge('telpty_sessions', 'Current sessions, including those that are ending');
  readonly #programs = this.#gauge('telpty_programs', 'Programs that run or wait to be reaped');
  readonly #terminals = this.#gauge('telpty_terminals', 'Open pseudo-terminals');
  readonly #killedStarts = this.#counter(
    'telpty_program_starts_killed_total',
    'Starts of programs that were killed because they took too long or were stopped repeatedly',
  );
  readonly #stuckStarts = this.#gauge('telpty_program_starts_stuck', 'Starts of programs that hang');
  readonly #abandoned = this.#counter(
    'telpty_programs_abandoned_total',
    'Programs given up because they did not end after SIGKILL or could not be reaped',
  );
  readonly #blocked = this.#gauge(
    'telpty_fast_path_blocked_sessions',
    'Sessions whose fast path is blocked, by reason; one session may count several times',
    ['by'],
  );
  readonly #queued = this.#gauge('telpty_queued_bytes', 'Bytes queued in the process, by direction', ['to']);
  readonly #recordings = this.#gauge('telpty_recordings', 'Recordings that are being written');
  readonly #recordedTotal = this.#counter('telpty_recorded_bytes_total', 'Size of the recordings that have ended');
  readonly #recordingsFailed = this.#counter('telpty_recordings_failed_total', 'Recordings that an error has ended');
  readonly #negotiation = this.#histogram(
    'telpty_negotiation_seconds',
    'Time from the connection to the start of its program',
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  );
  readonly #start = this.#histogram(
    'telpty_program_start_seconds',
    'Time to start a program, until execve',
    [0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  );

  /** Counts from now on. */
  constructor(server: Server) {
    this.#server = server;
    new KeyDelay(this.#registry);
    onAbandoned(() => this.#abandoned.inc());
    for (const outcome of OUTCOMES) this.#ended.inc({ outcome }, 0);
    server.on('session', () => this.#connections.inc());
    server.on('refused', ({ reason }) => this.#refused.count(reason));
    server.on('settled', (session, outcome) => this.#settled(session, outcome));
    server.on('session-end', session => this.#over(session));
  }

  /** Called when a program has started. */
  started({ negotiationTime, startTime }: StartedProgram): void {
    this.#negotiation.observe(negotiationTime / 1_000);
    this.#start.observe(startTime / 1_000);
  }

  async report(): Promise<MetricsReport> {
    this.#lookUp();
    await this.#process.refresh();
    return (await this.#registry.getMetricsAsJSON()) as unknown as MetricsReport;
  }

  #settled(session: Session, settled: SessionOutcome): void {
    const { outcome, reason } = endOf(session, settled);
    const { result } = settled;
    this.#ended.inc({ outcome });
    if (outcome === 'hangup') this.#hangups.count(reason);
    if (outcome === 'refused' && isRefused(result)) this.#refused.count(result.refused);
  }

  #over(session: Session): void {
    this.#received += session.bytesRead;
    this.#sent += session.bytesWritten;
  }

  #lookUp(): void {
    const { sessions } = this.#server;
    const totals = { received: this.#received, sent: this.#sent, unsent: 0, unread: 0 };
    this.#blocked.reset();
    this.#blocked.set({ by: 'not-joined' }, 0);
    for (const session of sessions) {
      for (const by of session.link.fastPath.blocks) this.#blocked.inc({ by });
      totals.received += session.bytesRead;
      totals.sent += session.bytesWritten;
      totals.unsent += session.unsent;
      totals.unread += session.inputLength;
    }
    set(this.#receivedTotal, totals.received);
    set(this.#sentTotal, totals.sent);
    const recordings = recordingCounts();
    this.#recordings.set(recordings.active);
    set(this.#recordedTotal, recordings.bytes);
    set(this.#recordingsFailed, recordings.failed);
    const { children, terminals, unwritten } = addon().counts();
    const { killed, stuck } = addon().starts();
    set(this.#killedStarts, killed);
    this.#stuckStarts.set(stuck);
    this.#sessions.set(sessions.size);
    this.#programs.set(children);
    this.#terminals.set(terminals);
    this.#queued.set({ to: 'client' }, totals.unsent);
    this.#queued.set({ to: 'program' }, totals.unread + unwritten);
  }

  #counter<Label extends string = never>(name: string, help: string, labelNames: Label[] = []): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #gauge<Label extends string = never>(name: string, help: string, labelNames: Label[] = []): Gauge<Label> {
    return new Gauge({ name, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name, help, buckets, registers: [this.#registry] });
  }
}

/** Sets a counter whose count is kept elsewhere. */
function set(counter: Counter, total: number): void {
  counter.reset();
  counter.inc(total);
}
