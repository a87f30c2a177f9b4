import { Counter, type Registry } from 'prom-client';

/** Reasons are fixed words of telpty, and few. This limit holds even if a reason were not. */
const MOST_REASONS = 32;

/**
 * Counts events by reason. The number of labels is limited, because clients that could create labels could fill the
 * memory.
 */
export class ReasonCounter {
  readonly #counter: Counter<'reason'>;
  readonly #known = new Set<string>();

  constructor(registry: Registry, name: string, help: string) {
    this.#counter = new Counter({ name, help, labelNames: ['reason'], registers: [registry] });
  }

  count(reason: string): void {
    if (this.#known.size < MOST_REASONS) this.#known.add(reason);
    this.#counter.inc({ reason: this.#known.has(reason) ? reason : 'other' });
  }
}

/** The refusals, counted by every process that can refuse a client. */
export function refusals(registry: Registry): ReasonCounter {
  return new ReasonCounter(registry, 'telpty_refused_total', 'Refused clients, by reason');
}
