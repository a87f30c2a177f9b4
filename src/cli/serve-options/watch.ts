/** What is told to whoever runs the server. */
import type { OptionTable } from '../options.ts';
import * as values from '../values.ts';

export const watchOptions = {
  metrics: {
    argument: '[ADDR:]PORT',
    parse: values.endpoint,
    defaultWords: 'off',
    help: 'answer http://ADDR:PORT/metrics for Prometheus, /healthz and /readyz; ADDR: 127.0.0.1; port 0 picks one',
  },
  'log-level': {
    argument: 'LEVEL',
    parse: values.choice('trace', 'debug', 'info', 'warn', 'error', 'silent'),
    default: 'info',
    help: 'trace, debug, info, warn, error or silent; debug tells negotiation in words, trace shows every byte',
  },
  'log-format': {
    argument: 'pretty|json',
    parse: values.choice('pretty', 'json'),
    defaultWords: 'pretty on a terminal, else json',
    help: 'how log lines look on standard error',
  },
} as const satisfies OptionTable;
