/** The JSON schema of the configuration file. Editors complete and check with it; `telpty check` decides. */
import type { OptionSpec } from '../../src/cli/options/options.ts';
import { serveOptions } from '../../src/cli/options/serve/index.ts';

type Schema = Readonly<Record<string, unknown>>;

export function schema(): Schema {
  const options = Object.entries<OptionSpec>(serveOptions).filter(([, spec]) => !spec.commandLineOnly);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Configuration of telpty serve',
    type: 'object',
    additionalProperties: false,
    properties: {
      program: {
        description: 'the program to run for every connection, with its arguments',
        anyOf: [
          { type: 'string', minLength: 1 },
          { type: 'array', minItems: 1, items: scalar },
        ],
      },
      ...Object.fromEntries(options.map(([name, spec]) => [name, optionSchema(spec)])),
    },
  };
}

/** Every plain value is read as its text. */
const scalar = { type: ['string', 'number', 'boolean'] } as const;

function optionSchema(spec: OptionSpec): Schema {
  const one = valueSchema(spec);
  return {
    description: spec.help.replaceAll('`', ''),
    ...(spec.repeatable ? { anyOf: [one, { type: 'array', items: one }, ...(spec.pairs ? [mapping] : [])] } : one),
    ...(spec.default === undefined || spec.default === '' ? {} : { default: defaultValue(spec, spec.default) }),
  };
}

const mapping = { type: 'object', additionalProperties: scalar } as const;

function valueSchema({ argument, parse }: OptionSpec): Schema {
  if (argument === undefined) return { type: 'boolean' };
  const { words } = parse as { readonly words?: readonly string[] };
  return words === undefined ? { type: ['string', 'number'] } : { enum: words };
}

function defaultValue({ argument }: OptionSpec, text: string): unknown {
  if (argument === undefined) return text === 'true';
  return /^\d+$/.test(text) ? Number(text) : text;
}
