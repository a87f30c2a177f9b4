/**
 * Reloads on SIGHUP: reads the sources of the command line again, and applies the settings that can change while the
 * server runs.
 *
 * A reload has two steps, so that a bad file changes nothing: first every part that can change reads and checks what
 * the settings name, in every process, and only then do the parts apply it.
 */
import { isDeepStrictEqual } from 'node:util';
import { TelptyError } from '../../errors.ts';
import { escapeText } from '../../shells/output/escape.ts';
import type { Log } from '../log/log.ts';
import type { ServeSettings } from './settings.ts';

/** A part of the server that can apply new settings while it serves: certificates, lists. */
export interface Reloadable {
  /** Its name in the log: `certificates`. */
  readonly name: string;
  /** The settings that it depends on. It reads no others, and no other part reads these. */
  readonly options: readonly (keyof ServeSettings)[];
  /**
   * Reads and checks what the settings name, without changing anything yet, and returns a function that applies it,
   * which must not fail. It is called at every reload, even if the settings are the same: the contents of their files
   * may have changed.
   *
   * @throws (or rejects) TelptyError with a message of one line, if the old settings must stay in effect.
   */
  prepare(settings: ServeSettings): (() => void) | Promise<() => void>;
}

/** The description of a {@link Reloadable}: plain data, for other processes. */
export type ReloadableFacts = Pick<Reloadable, 'name' | 'options'>;

/** All parts of this process that can apply new settings. The code that creates such a part adds it. */
export class Reloadables {
  readonly #all: Reloadable[] = [];

  add(one: Reloadable): void {
    this.#all.push(one);
  }

  get facts(): readonly ReloadableFacts[] {
    return this.#all.map(({ name, options }) => ({ name, options }));
  }

  /** Prepares all. @returns a function that applies all; rejects with the first error. */
  async prepare(settings: ServeSettings): Promise<() => void> {
    const steps = await Promise.all(this.#all.map(async one => one.prepare(settings)));
    return () => {
      for (const step of steps) step();
    };
  }
}

/** The parts that can change in every kind of server; in the main process or the primary. */
export function reloadableEverywhere(log: Log): readonly Reloadable[] {
  return [
    reloadableLevel(log),
    // Read when the server receives the signal to stop.
    { name: 'drain timeout', options: ['drainTimeout', 'drainQuietly'], prepare: () => () => {} },
  ];
}

/** The level of a log. */
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

/** Returns `settings`, with those of the `newer` ones that `facts` can apply. */
export function taken(settings: ServeSettings, newer: ServeSettings, facts: readonly ReloadableFacts[]): ServeSettings {
  const options = facts.flatMap(one => one.options);
  return { ...settings, ...Object.fromEntries(options.map(name => [name, newer[name]])) };
}

/** The target of a {@link Reloader}: the server, in one process or several. */
export interface ReloadTarget {
  /**
   * Applies the settings that it can change, all or none.
   *
   * @returns what was applied. Rejects with TelptyError, with a message of one line, if nothing changed.
   */
  reload(settings: ServeSettings): Promise<readonly ReloadableFacts[]>;
}

/** Reloads, one reload at a time, and logs the results. */
export class Reloader {
  /** The settings in effect. */
  #settings: ServeSettings;
  readonly #read: () => ServeSettings;
  readonly #target: ReloadTarget;
  readonly #log: Log;
  #running: Promise<void> | undefined;
  #again = false;

  /** @param read reads the settings again, from the sources of `settings`. */
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

  /** Reloads. Requests during a reload cause one further reload after it. Never rejects. */
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

/** The settings that differ, by the names of the command line. */
function changed(settings: ServeSettings, newer: ServeSettings): string[] {
  const names = Object.keys(newer) as (keyof ServeSettings)[];
  return names.filter(name => !isDeepStrictEqual(settings[name], newer[name])).map(optionName);
}

function optionName(setting: keyof ServeSettings): string {
  if (setting === 'program') return 'PROGRAM';
  if (setting === 'limits') return '--rlimit';
  return `--${setting.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`;
}
