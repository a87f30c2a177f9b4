/** `--metrics` with `--workers`: the primary collects the metrics of all workers and adds them up. */
import { Counter, Gauge, Registry } from 'prom-client';
import type { RefusalReason } from '../../shells/guards/session-limits.ts';
import type { RefusedConnection } from '../../transport/pre-session/stage.ts';
import type { WorkerEnd, WorkerHandle } from '../workers/worker-handle.ts';
import { ProcessMetrics } from './process.ts';
import { refusals } from './reasons.ts';
import type { MetricsReport } from './report.ts';
import { Past } from './totals.ts';

/** The metrics of the primary and of its workers. */
export class WorkerMetrics {
  readonly #registry = new Registry();
  readonly #process = new ProcessMetrics(this.#registry);
  /** The current workers, by the number of their slot. */
  readonly #workers = new Map<number, WorkerHandle>();
  readonly #past = new Past();
  readonly #serving: Gauge;
  readonly #sessions: Gauge<'worker'>;
  readonly #ends: Counter;
  readonly #lost: Counter<'outcome'>;
  readonly #refused = refusals(this.#registry);

  constructor() {
    const registers = [this.#registry];
    this.#serving = new Gauge({ name: 'telpty_workers', help: 'Worker processes that serve clients', registers });
    this.#sessions = new Gauge({
      name: 'telpty_worker_sessions',
      help: 'Sessions of each worker',
      labelNames: ['worker'],
      registers,
    });
    this.#ends = new Counter({
      name: 'telpty_worker_ends_total',
      help: 'Workers that ended unexpectedly and were replaced',
      registers,
    });
    // The same metric as in every worker, where this outcome never occurs.
    this.#lost = new Counter({
      name: 'telpty_sessions_total',
      help: 'Ended sessions, by outcome',
      labelNames: ['outcome'],
      registers,
    });
    this.#lost.inc({ outcome: 'lost' }, 0);
  }

  /** Called when a worker has started. */
  watch(number: number, worker: WorkerHandle): void {
    this.#workers.set(number, worker);
    void worker.ended.then(end => this.#gone(number, worker, end));
  }

  /** Called for a client that was refused here, without a worker. */
  refused(reason: RefusalReason | RefusedConnection): void {
    this.#refused.count(reason);
  }

  async report(): Promise<MetricsReport[]> {
    await Promise.all([...this.#workers.values()].map(worker => worker.report()));
    await this.#process.refresh();
    this.#serving.set([...this.#workers.values()].filter(({ serving }) => serving).length);
    this.#sessions.reset();
    for (const [number, { sessions }] of this.#workers) this.#sessions.set({ worker: String(number) }, sessions);
    const own = (await this.#registry.getMetricsAsJSON()) as unknown as MetricsReport;
    // Read in one synchronous step, so that a worker that ends is counted either here or in the past.
    const reports = [...this.#workers.values()].flatMap(({ metrics }) => (metrics === undefined ? [] : [metrics]));
    return [...reports, own, this.#past.report];
  }

  #gone(number: number, worker: WorkerHandle, { lost }: WorkerEnd): void {
    if (this.#workers.get(number) === worker) this.#workers.delete(number);
    this.#ends.inc();
    this.#lost.inc({ outcome: 'lost' }, lost.length);
    if (worker.metrics !== undefined) this.#past.add(worker.metrics);
  }
}
