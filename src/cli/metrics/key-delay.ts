import { Histogram, type MetricObjectWithValues, type MetricValueWithName, type Registry } from 'prom-client';
import { addon } from '../../native/load.ts';

/** In seconds: the kernel's own echo takes about 50 µs, and people notice delays from 50 ms. */
const BOUNDS: readonly number[] = [
  ...[0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05],
  ...[0.1, 0.25, 0.5, 1, 2.5, 5, 10],
];

const NAME = 'telpty_key_delay_seconds';

/**
 * How long keys wait for the next output of their terminal. The addon counts, in memory of this class, because most
 * keys never reach JavaScript; this class only reads the counts.
 */
export class KeyDelay extends Histogram {
  readonly #counts = new Float64Array(BOUNDS.length + 2);

  constructor(registry: Registry) {
    super({
      name: NAME,
      help: 'From a key typed at a terminal to the next output of that terminal sent to the client',
      buckets: [...BOUNDS],
      registers: [registry],
    });
    addon().measureDelays(Float64Array.from(BOUNDS), this.#counts);
  }

  override async get(): Promise<MetricObjectWithValues<MetricValueWithName<string>>> {
    const sum = this.#counts.at(-1)!;
    let count = 0;
    const bucket = (le: number | string, more: number) => {
      count += more;
      return { metricName: `${NAME}_bucket`, labels: { le }, value: count };
    };
    const buckets = [...BOUNDS, '+Inf'].map((le, at) => bucket(le, this.#counts[at]!));
    return {
      ...(await super.get()),
      values: [
        ...buckets,
        { metricName: `${NAME}_sum`, labels: {}, value: sum },
        { metricName: `${NAME}_count`, labels: {}, value: count },
      ],
    };
  }
}
