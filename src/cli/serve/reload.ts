/**
 * What SIGHUP does: the command line's sources are read again, and what can take up new settings while it serves does.
 *
 * It goes in two steps, so that a bad file leaves everything as it was: first all that can change reads and checks what
 * the settings name, in every process, and only then does any of it put it in place.
 */
import { isDeepStrictEqual } from 'node:util';
import { TelptyError } from '../../errors.ts';
import { escapeText } from '../../shells/output/escape.ts';
import type { Log } from '../log/log.ts';
import type { ServeSettings } from './settings.ts';

/** Something that can take up new settings while it serves: certificates, lists. */
export interface Reloadable {
  /** What the log calls it: `certificates`. */
  readonly name: string;
  /** The settings it is made from. It looks at no others, and nobody else at these. */
  readonly options: readonly (keyof ServeSettings)[];
  /**
   * Reads and checks what the settings name, changes nothing yet, and returns what puts it in place, which must not fail.
   * It is called at every reload, also when the settings are the same: the files they name may be others.
   *
   * @throws (or rejects) TelptyError in one line, when things have to stay as they are.
   */
  prepare(settings: ServeSettings): (() => void) | Promise<() => void>;
}

/** What is told about a {@link Reloadable}; plain data, for other processes. */
export type ReloadableFacts = Pick<Reloadable, 'name' | 'options'>;

/** All that can take up new settings in this process. Whoever makes such a thing adds it. */
export class Reloadables {
  readonly #all: Reloadable[] = [];

  add(one: Reloadable): void {
    this.#all.push(one);
  }

  get facts(): readonly ReloadableFacts[] {
    return this.#all.map(({ name, options }) => ({ name, options }));
  }

  /** Prepares all. @returns what puts all in place; rejects with the first reason why that cannot be. */
  async prepare(settings: ServeSettings): Promise<() => void> {
    const steps = await Promise.all(this.#all.map(async one => one.prepare(settings)));
    return () => {
      for (const step of steps) step();
    };
  }
}

/** What can take up new settings whoever serves; in the process that leads. */
export function reloadableEverywhere(log: Log): readonly Reloadable[] {
  return [
    reloadableLevel(log),
    // It is looked at when the server is told to stop.
    { name: 'drain timeout', options: ['drainTimeout', 'drainQuietly'], prepare: () => () => {} },
  ];
}

/** The level of a log can change. */
export function reloadableLevel(log: Log): Reloadable {
  return {
    name: 'log level',
    options: ['logLevel'],
    prepare: ({ logLevel }) => {
      return () => {
        log.level = logLevel;
      };
    },
  };
}

/** `settings`, but where `facts` can take them up, the `newer` ones. */
export function taken(settings: ServeSettings, newer: ServeSettings, facts: readonly ReloadableFacts[]): ServeSettings {
  const options = facts.flatMap(one => one.options);
  return { ...settings, ...Object.fromEntries(options.map(name => [name, newer[name]])) };
}

/** Whom {@link Reloader} tells: what serves, in however many processes. */
export interface ReloadTarget {
  /**
   * Takes up what it can of the settings, all or nothing.
   *
   * @returns what that is. Rejects with TelptyError, in one line, when things stay as they are.
   */
  reload(settings: ServeSettings): Promise<readonly ReloadableFacts[]>;
}

/** Reloads, one after the other, and tells the log what came of it. */
export class Reloader {
  /** What is in effect. */
  #settings: ServeSettings;
  readonly #read: () => ServeSettings;
  readonly #target: ReloadTarget;
  readonly #log: Log;
  #running: Promise<void> | undefined;
  #again = false;

  /** @param read reads the settings anew, from where `settings` came. */
  constructor(settings: ServeSettings, read: () => ServeSettings, target: ReloadTarget, log: Log) {
    this.#settings = settings;
    this.#read = read;
    this.#target = target;
    this.#log = log;
  }

  /** The settings in effect. */
  get settings(): ServeSettings {
    return this.#settings;
  }

  /** Reloads; requests that come meanwhile are one more reload behind it. Never rejects. */
  reload(): Promise<void> {
    if (this.#running !== undefined) this.#again = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    do {
      this.#again = false;
      await this.#once();
    } while (this.#again);
  }

  async #once(): Promise<void> {
    try {
      const newer = this.#read();
      const facts = await this.#target.reload(newer);
      this.#settings = taken(this.#settings, newer, facts);
      const names = [...new Set(facts.map(({ name }) => name))];
      const restart = changed(this.#settings, newer);
      const needs = restart.length > 0 ? `; changed but needs a restart: ${restart.join(', ')}` : '';
      this.#log.info({ reloaded: names, restart }, `reloaded: ${names.join(', ')}${needs}`);
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      const { code } = error instanceof TelptyError ? error : {};
      this.#log.error({ code }, `not reloaded, nothing was changed: ${escapeText(words, 500)}`);
    }
  }
}

/** What differs, as the command line calls it. */
function changed(settings: ServeSettings, newer: ServeSettings): string[] {
  const names = Object.keys(newer) as (keyof ServeSettings)[];
  return names.filter(name => !isDeepStrictEqual(settings[name], newer[name])).map(optionName);
}

function optionName(setting: keyof ServeSettings): string {
  if (setting === 'program') return 'PROGRAM';
  if (setting === 'limits') return '--rlimit';
  return `--${setting.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`;
}
