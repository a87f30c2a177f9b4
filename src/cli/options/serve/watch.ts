/** Configuration, metrics and log. */
import { helpOption, type OptionTable } from '../options.ts';
import * as values from '../values.ts';

export const operationOptions = {
  config: {
    argument: 'FILE',
    parse: values.text,
    commandLineOnly: true,
    help: 'read these options by their long names from a YAML or JSON file; the command line wins; `program` there is a list. See `telpty check`',
  },
  metrics: {
    argument: '[ADDR:]PORT',
    parse: values.endpoint,
    defaultWords: 'off',
    help: 'answer `http://ADDR:PORT/metrics` for Prometheus, `/healthz` and `/readyz`; ADDR is 127.0.0.1 if omitted; port 0 picks a free port',
    see: 'docs/operations.md',
  },
  'log-level': {
    argument: 'LEVEL',
    parse: values.choice('trace', 'debug', 'info', 'warn', 'error', 'silent'),
    default: 'info',
    help: '`trace`, `debug`, `info`, `warn`, `error` or `silent`; `debug` logs negotiation as text, `trace` logs every byte',
  },
  'log-format': {
    argument: 'pretty|json',
    parse: values.choice('pretty', 'json'),
    defaultWords: 'pretty on a terminal, else json',
    help: 'format of log lines on standard error',
  },
  help: helpOption,
} as const satisfies OptionTable;
