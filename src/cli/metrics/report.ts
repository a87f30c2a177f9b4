/** What a process tells about itself, as plain data: a worker sends it to the primary. */

/** One number of a metric. */
export interface ReportedValue {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  /** Of a histogram, which of its series this is of. */
  readonly metricName?: string;
}

/** One metric, as prom-client has it in JSON. */
export interface ReportedMetric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  /** How the values of several processes become one. */
  readonly aggregator: string;
  readonly values: readonly ReportedValue[];
}

/** All that one process has counted and measured. */
export type MetricsReport = readonly ReportedMetric[];
