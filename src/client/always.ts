/** Options that a client requests whether or not it implements them: `alwaysWill` and `alwaysDo`. */
import { check } from '../options.ts';
import { defineOption, Option, type OptionDefinition, optionName } from '../protocol/index.ts';
import type { Session } from '../session/session.ts';

/** The codes of options to enable on each side. */
export interface AlwaysOptions {
  readonly alwaysWill: readonly number[];
  readonly alwaysDo: readonly number[];
}

const SIDES = [
  ['alwaysWill', 'local'],
  ['alwaysDo', 'remote'],
] as const;

/** Options that need an implementation: the bytes after their negotiation have another meaning. */
const CHANGES_STREAM: ReadonlySet<number> = new Set([
  ...[Option.MCCP1, Option.MCCP2, Option.MCCP3, Option.START_TLS, Option.ENCRYPT],
]);

/**
 * Returns the table with each of the options allowed on its side. A definition that allows the side is not changed. A
 * definition that does not gets the side in addition. An option without a definition gets one that agrees and ignores
 * subnegotiations.
 *
 * @param own definitions of the caller, which cannot be replaced: the caller uses them to find their handlers.
 * @throws TelptyError `ERR_INVALID_ARGUMENT`
 */
export function allowAlways(
  table: readonly OptionDefinition[],
  own: readonly OptionDefinition[],
  always: AlwaysOptions,
): OptionDefinition[] {
  const allowed = [...table];
  for (const [name, side] of SIDES) {
    for (const code of always[name]) {
      check(code !== Option.TIMING_MARK, `${name}: TIMING-MARK has no state and cannot be enabled`);
      const index = allowed.findIndex(definition => definition.code === code);
      const known = allowed[index];
      if (known?.[side]) continue;
      check(
        !CHANGES_STREAM.has(code),
        `${name}: ${optionName(code)} changes the encoding of the bytes that follow it, and is not in use here`,
      );
      check(
        known === undefined || !own.includes(known),
        `${name}: the definition of ${optionName(code)} in telnetOptions does not allow the ${side} side`,
      );
      if (known === undefined) allowed.push(defineOption(code, { [side]: true }));
      else allowed[index] = Object.freeze({ ...known, [side]: true });
    }
  }
  return allowed;
}

/** Requests the options on their sides. */
export function requestAlways(session: Session, always: AlwaysOptions): void {
  session.batch(() => {
    for (const [name, side] of SIDES) for (const code of always[name]) session.telnet.request(code, side, true);
  });
}
