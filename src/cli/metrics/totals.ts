/**
 * Combines the reports of several processes: adds them up, each metric in its own way, and keeps the counts of ended
 * processes.
 */
import { AggregatorRegistry } from 'prom-client';
import type { MetricsReport, ReportedMetric, ReportedValue } from './report.ts';

/** Metrics that only grow, and that stay in the totals after the process that counted them has ended. */
const LASTING = new Set(['counter', 'histogram']);

/** The text for Prometheus. */
export async function expose(reports: readonly MetricsReport[]): Promise<{ type: string; text: string }> {
  const registry = aggregate(reports);
  return { type: registry.contentType, text: await registry.metrics() };
}

/** The counts of ended processes, which must stay in the totals. */
export class Past {
  readonly #counted = new Map<string, { metric: ReportedMetric; values: Map<string, ReportedValue> }>();

  get report(): MetricsReport {
    return [...this.#counted.values()].map(({ metric, values }) => ({ ...metric, values: [...values.values()] }));
  }

  /** Adds the last report of a process. */
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
  // (The types of prom-client have no labels here.)
  return AggregatorRegistry.aggregate(reports as unknown as object[]);
}
