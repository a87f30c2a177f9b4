/** The metrics of a process, as plain data: a worker sends them to the primary. */

/** One number of a metric. */
export interface ReportedValue {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  /** The series of a histogram that this value belongs to. */
  readonly metricName?: string;
}

/** One metric, in the JSON form of prom-client. */
export interface ReportedMetric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  /** How the values of several processes are combined. */
  readonly aggregator: string;
  readonly values: readonly ReportedValue[];
}

/** All metrics of one process. */
export type MetricsReport = readonly ReportedMetric[];
