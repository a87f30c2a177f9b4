/** Many processes as one: their reports added up, each metric in its own way, and what is left of those that are gone. */
import { AggregatorRegistry } from 'prom-client';
import type { MetricsReport, ReportedMetric, ReportedValue } from './report.ts';

/** What grows and never shrinks, whatever becomes of the process that counted it. */
const LASTING = new Set(['counter', 'histogram']);

/** The text that Prometheus reads. */
export async function expose(reports: readonly MetricsReport[]): Promise<{ type: string; text: string }> {
  const registry = aggregate(reports);
  return { type: registry.contentType, text: await registry.metrics() };
}

/** Counts of processes that are gone, which have to stay in the totals. */
export class Past {
  readonly #counted = new Map<string, { metric: ReportedMetric; values: Map<string, ReportedValue> }>();

  get report(): MetricsReport {
    return [...this.#counted.values()].map(({ metric, values }) => ({ ...metric, values: [...values.values()] }));
  }

  /** Adds what a process has told last. */
  add(report: MetricsReport): void {
    for (const metric of report) if (LASTING.has(metric.type)) this.#add(metric);
  }

  #add(metric: ReportedMetric): void {
    const known = this.#counted.get(metric.name) ?? { metric, values: new Map() };
    this.#counted.set(metric.name, known);
    for (const value of metric.values) {
      const key = JSON.stringify([value.metricName, Object.entries(value.labels)]);
      known.values.set(key, { ...value, value: value.value + (known.values.get(key)?.value ?? 0) });
    }
  }
}

function aggregate(reports: readonly MetricsReport[]) {
  // (Its types know nothing of labels.)
  return AggregatorRegistry.aggregate(reports as unknown as object[]);
}
