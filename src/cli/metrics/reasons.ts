import { Counter, type Registry } from 'prom-client';

/** Reasons are words of ours, and few. Should one ever not be, it shall not matter. */
const MOST_REASONS = 32;

/** Counts something by its reason. Whoever could make new labels would fill the memory, so there are only so many. */
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

/** What every process that may turn somebody away counts. */
export function refusals(registry: Registry): ReasonCounter {
  return new ReasonCounter(registry, 'telpty_refused_total', 'Refused clients, by reason');
}
