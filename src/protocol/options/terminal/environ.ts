import { check, checkEnabled } from '../../check.ts';
import { Command, Option, optionName } from '../../constants.ts';
import type { Side, TelnetEvent, WarningCode } from '../../events.ts';
import { defineOption, type OptionContext, type OptionDefinition, type OptionHandler } from '../option.ts';
import {
  type EnvironmentVariable,
  formatVariable,
  INFO,
  IS,
  type Parsed,
  parseVariables,
  parseWanted,
  SEND,
  WELL_KNOWN,
} from './environ-format.ts';
import { TerminalType } from './terminal-type.ts';

// NEW-ENVIRON, option 39, RFC 1572, and ENVIRON, option 36, RFC 1408 and 1571. Their wire layout: environ-format.ts.

/** The peer sent variables of its environment (RFC 1572, 1408). */
export interface EnvironmentEvent {
  readonly type: 'environment';
  /** NEW-ENVIRON (39) or ENVIRON (36). */
  readonly option: number;
  /** `'is'` answers a SEND of ours; `'info'` reports a change without a request. */
  readonly kind: 'is' | 'info';
  readonly variables: readonly EnvironmentVariable[];
  /**
   * Number of our SENDs that are not answered yet, including one that is held back until the terminal type is known.
   */
  readonly pending: number;
}

declare module '../../events.ts' {
  interface TelnetEvents {
    readonly environment: EnvironmentEvent;
  }
}

/**
 * GNU telnet collects a subnegotiation in 256 octets and loses the rest, so ours, from IAC SB to IAC SE, are shorter.
 */
const LONGEST_SEND = 250;
/** IAC SB option SEND, IAC SE. */
const AROUND_SEND = 6;

/** Configuration of {@link newEnviron} and {@link environ}. */
export interface EnvironConfig {
  /** The names to request as soon as the peer offers the option; `[]` requests all variables. */
  readonly request?: readonly string[];
  /** Our own environment, by name. No other variable is ever sent. May be changed at any time. */
  readonly offer?: ReadonlyMap<string, string>;
}

/**
 * The handler of {@link newEnviron} and {@link environ}.
 *
 * USER is never requested from Microsoft's client, which cannot handle the request. Its list of terminal types begins
 * with ANSI, VT100. So the other names are requested at once, and USER in a separate SEND after the terminal types show
 * that the peer is another client. They show it if the first type is not ANSI, or the second is not VT100. They also
 * show it if the list ends before that, or if TTYPE is refused. If TTYPE is neither enabled nor requested when the peer
 * offers its environment, the terminal types cannot show it. Then USER is requested at once, too. A request for all
 * variables includes USER, and waits in the same manner.
 */
export class Environ implements OptionHandler {
  readonly #telnet: OptionContext;
  readonly #code: number;
  readonly #config: EnvironConfig;
  /** Number of SENDs without an answer. */
  #unanswered = 0;
  /** Names to request once the terminal types show that the peer is not Microsoft's client. */
  #deferredNames: readonly string[] | undefined;
  /** The peer exchanges VAR and VALUE (RFC 1571). */
  #swapped = false;

  constructor(telnet: OptionContext, code: number, config: EnvironConfig) {
    this.#telnet = telnet;
    this.#code = code;
    this.#config = config;
  }

  /** Number of SENDs that are not answered yet, including the one that is held back. */
  get pending(): number {
    return this.#unanswered + (this.#deferredNames === undefined ? 0 : 1);
  }

  /**
   * Requests variables from the peer, in as many SENDs as their names need; `[]` requests all variables. The answers
   * are `environment` events. USER is requested like any other name: the caller must avoid it for clients that cannot
   * handle it.
   *
   * @throws TelptyError `ERR_OPTION` if the peer does not perform the option; `ERR_INVALID_ARGUMENT` for an empty or
   *   too long name
   */
  ask(names: readonly string[]): void {
    checkNames(names);
    checkEnabled(this.#telnet, this.#code, 'remote');
    for (const message of sends(names)) {
      this.#unanswered++;
      this.#telnet.subnegotiate(this.#code, message);
    }
  }

  /**
   * Reports variables that have changed: INFO, with the values that `offer` has now, or as undefined.
   *
   * @throws TelptyError `ERR_OPTION` if the local side is not enabled
   */
  inform(names: readonly string[]): void {
    checkNames(names);
    checkEnabled(this.#telnet, this.#code, 'local');
    this.#send(
      INFO,
      names.map(name => this.#variable(name)),
    );
  }

  enabled(side: Side): void {
    if (side === 'local') return;
    this.#unanswered = 0;
    this.#deferredNames = undefined;
    const { request } = this.#config;
    if (request === undefined) return;
    const others = request.filter(name => name !== 'USER');
    if (others.length > 0) this.ask(others);
    if (others.length < request.length) this.#deferredNames = ['USER'];
    else if (request.length === 0) this.#deferredNames = [];
    this.#considerUser();
  }

  disabled(side: Side): void {
    if (side === 'local') return;
    this.#unanswered = 0;
    this.#deferredNames = undefined;
  }

  notice(event: TelnetEvent): void {
    if (this.#deferredNames === undefined) return;
    if (event.type === 'terminal-type' || (event.type === 'option' && event.option === Option.TTYPE))
      this.#considerUser();
  }

  subnegotiation(payload: Uint8Array): void {
    const command = payload[0];
    const side: Side = command === SEND ? 'local' : 'remote';
    if (command !== IS && command !== INFO && command !== SEND) {
      this.#warn('malformed-subnegotiation', 'neither IS nor INFO nor SEND');
    } else if (!this.#telnet.isEnabled(this.#code, side)) {
      this.#warn('unexpected-subnegotiation', `the ${side} side is not enabled`);
    } else if (command === SEND) {
      this.#answer(payload);
    } else {
      this.#received(payload, command === IS);
    }
  }

  #received(payload: Uint8Array, answers: boolean): void {
    const parsed = parseVariables(payload, this.#telnet.limits, this.#code === Option.ENVIRON);
    this.#warnAbout(parsed);
    if (answers && this.#unanswered > 0) this.#unanswered--;
    this.#telnet.emit({
      type: 'environment',
      option: this.#code,
      kind: answers ? 'is' : 'info',
      variables: parsed.items,
      pending: this.pending,
    });
  }

  #answer(payload: Uint8Array): void {
    const wanted = parseWanted(payload, this.#telnet.limits, this.#code === Option.ENVIRON);
    this.#warnAbout(wanted);
    this.#swapped ||= wanted.swapped;
    const answer = new Map<string, EnvironmentVariable>();
    const add = (variable: EnvironmentVariable) => answer.set(variable.name, variable);
    const all = [...(this.#config.offer?.keys() ?? [])].map(name => this.#variable(name));
    if (payload.length === 1) all.forEach(add);
    for (const { kind, name } of wanted.items) {
      if (name === '') all.filter(variable => variable.kind === kind).forEach(add);
      // Repeats the kind of the request, so that the peer can match the answer to it.
      else add({ ...this.#variable(name), kind });
    }
    this.#send(IS, [...answer.values()]);
  }

  #send(command: number, variables: readonly EnvironmentVariable[]): void {
    const octets = variables.flatMap(variable => formatVariable(variable, this.#swapped));
    this.#telnet.subnegotiate(this.#code, Uint8Array.from([command, ...octets]));
  }

  #variable(name: string): EnvironmentVariable {
    return { kind: kindOf(name), name, value: this.#config.offer?.get(name) };
  }

  #considerUser(): void {
    const names = this.#deferredNames;
    const microsoft = this.#isMicrosoft();
    if (names === undefined || microsoft === undefined) return;
    this.#deferredNames = undefined;
    if (!microsoft) this.ask(names);
  }

  /** Whether the peer is Microsoft's client; `undefined` while the terminal types may still show it. */
  #isMicrosoft(): boolean | undefined {
    const types = this.#telnet.find(Option.TTYPE);
    if (!(types instanceof TerminalType)) return false;
    const [first, second] = types.names;
    if (first === undefined || second === undefined) {
      if (first !== undefined && first.toUpperCase() !== 'ANSI') return false;
      const mayTell = this.#telnet.isPending(Option.TTYPE, 'remote') || this.#telnet.isEnabled(Option.TTYPE, 'remote');
      return mayTell && !types.complete ? undefined : false;
    }
    return first.toUpperCase() === 'ANSI' && second.toUpperCase() === 'VT100';
  }

  #warnAbout({ malformed, tooLong, tooMany }: Parsed<unknown>): void {
    if (malformed) this.#warn('malformed-subnegotiation', 'not a list of names and values');
    if (tooLong > 0) this.#warn('value-too-long', `${tooLong} variables left out`);
    if (tooMany) this.#warn('too-many-values', `more than ${this.#telnet.limits.variables} variables`);
  }

  #warn(code: WarningCode, message: string): void {
    this.#telnet.warn(code, `${optionName(this.#code)}: ${message}`, this.#code);
  }
}

/**
 * The payloads that request these names, each within the maximum size of a SEND. An empty SEND requests all variables.
 */
function sends(names: readonly string[]): Uint8Array[] {
  const messages: number[][] = [];
  let room = 0;
  for (const name of names) {
    const octets = formatVariable({ kind: kindOf(name), name, value: undefined }, false);
    const size = octets.length + octets.filter(octet => octet === Command.IAC).length;
    check(size <= LONGEST_SEND - AROUND_SEND, 'the name of a variable is too long for a request');
    if (size > room) {
      messages.push([SEND]);
      room = LONGEST_SEND - AROUND_SEND;
    }
    messages[messages.length - 1]!.push(...octets);
    room -= size;
  }
  return (messages.length === 0 ? [[SEND]] : messages).map(message => Uint8Array.from(message));
}

function kindOf(name: string): EnvironmentVariable['kind'] {
  return WELL_KNOWN.has(name) ? 'var' : 'uservar';
}

function checkNames(names: readonly string[]): void {
  check(Array.isArray(names), 'names must be a list');
  for (const name of names) check(typeof name === 'string' && name !== '', 'the name of a variable must not be empty');
}

function define(code: number, config: EnvironConfig, supersededBy?: number): OptionDefinition<Environ> {
  const { request, offer } = config;
  if (request !== undefined) {
    checkNames(request);
    sends(request); // checks the lengths
  }
  check(offer === undefined || typeof offer.get === 'function', 'offer must be a Map');
  const frozen: EnvironConfig = Object.freeze({
    ...config,
    ...(request && { request: Object.freeze(request.slice()) }),
  });
  const sides = { local: offer !== undefined, remote: request !== undefined };
  const create = (telnet: OptionContext) => new Environ(telnet, code, frozen);
  return defineOption(code, sides, { create, ...(supersededBy !== undefined && { supersededBy }) });
}

/**
 * The environment (RFC 1572). `request`: variables to request from the peer; the answers are `environment` events.
 * `offer`: variables to send when the peer requests them.
 *
 * @throws TelptyError `ERR_INVALID_ARGUMENT` for a name that is empty, or too long for one SEND of 250 bytes
 */
export function newEnviron(config: EnvironConfig): OptionDefinition<Environ> {
  return define(Option.NEW_ENVIRON, config);
}

/**
 * The environment in its older form (RFC 1408), with VAR and VALUE in either order (RFC 1571); otherwise like
 * {@link newEnviron}. If NEW-ENVIRON is enabled, ENVIRON is refused: GNU telnetd requests both options, then sends its
 * SEND only for the newer one, but waits for both.
 */
export function environ(config: EnvironConfig): OptionDefinition<Environ> {
  return define(Option.ENVIRON, config, Option.NEW_ENVIRON);
}
