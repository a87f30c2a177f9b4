/**
 * What a session remembers from one call to the next, so that a command gets its own answer.
 *
 * Telnet does not say where output ends; only the prompt does, and the next command may be sent only when it has come. A
 * command that was given up (too late, called off, too much output) still owes its prompt, and what comes up to there is its
 * output. So that is remembered, and with it how the prompt looks, for a line of output may look like any prompt.
 */
import type { Duplex } from 'node:stream';
import type { Link } from '../link.ts';
import { END, type GrowingText } from './growing-text.ts';
import { SentLines } from './last-line.ts';
import { endsInMark, isPromptLike, type LastLine, lastLineOf, promptAtEnd } from './prompts.ts';
import type { Pattern } from './search.ts';

/** Waits for a state of a session. */
export interface Observer {
  /** Something was negotiated. */
  look(): void;
  closed(): void;
}

/** A command that was sent and of which the prompt has not come. */
interface Owed {
  /** The pattern that the caller gave for its prompt. */
  readonly prompt: Pattern | undefined;
  /** How much of the input had been read when it was given up, in bytes. */
  readonly position: number;
}

/** The part of a session by which one end talks to the other in text: its state, and who reads. */
export class Conversation {
  /** The session. */
  readonly stream: Duplex;
  readonly link: Link;
  /** Whether a call reads at the moment: two at once would each get a part. */
  isReading = false;
  readonly #observers = new Set<Observer>();
  /** The prompt that was seen last. */
  prompt: LastLine | undefined;
  /** Whether the other end echoes commands, as far as is known. */
  echoes: boolean | undefined;
  owed: Owed | undefined;
  /** Lines, commands and passwords that were sent, which errors do not repeat. */
  readonly sent = new SentLines();
  /** The line that has been read as far as it had come: the last one. */
  #line = '';
  /** Where in the input, in bytes, that holds. */
  #position = 0;

  constructor(stream: Duplex, link: Link) {
    this.stream = stream;
    this.link = link;
  }

  /**
   * Calls an observer after everything that Telnet reports, and at the end. All observers share one listener: Node.js warns of
   * many. Returns the function that ends this.
   */
  observe(observer: Observer): () => void {
    const observers = this.#observers;
    if (observers.size === 0) this.stream.on('telnet', this.#lookAll).on('close', this.#closeAll);
    observers.add(observer);
    return () => {
      if (!observers.delete(observer) || observers.size > 0) return;
      this.stream.off('telnet', this.#lookAll).off('close', this.#closeAll);
    };
  }

  readonly #lookAll = (): void => {
    for (const observer of [...this.#observers]) observer.look();
  };

  readonly #closeAll = (): void => {
    for (const observer of [...this.#observers]) observer.closed();
  };

  /** Text was read, up to a place in it; the input is now read up to `position`, in bytes. */
  read(text: GrowingText, used: number, position: number): void {
    const start = Math.max(0, used - END);
    const end = text.from(start).slice(0, used - start);
    const lineFeed = end.lastIndexOf('\n');
    const isContinued = lineFeed < 0 && start === 0;
    this.#line = isContinued ? (this.#line + end).slice(-END) : end.slice(lineFeed + 1);
    this.#position = position;
  }

  /** `Session.readUntil` has read this: it may be what a command that was given up still had to say. */
  readUntil(text: string): void {
    if (this.owed === undefined) return;
    const { prompt } = this.owed;
    const end = text.slice(-END);
    if (promptAtEnd(end, this.prompt) !== undefined || (prompt !== undefined && endsIn(end, prompt)))
      this.owed = undefined;
  }

  /** The line on which the reading has stopped, unless somebody has read past these functions since. */
  line(): string {
    return this.link.inputPosition === this.#position ? this.#line : '';
  }

  /** Takes the line on which the reading has stopped for the prompt, if it is one. */
  learnLine(): void {
    const line = lastLineOf(this.line());
    const hasNoSpace = this.prompt === undefined || endsInMark(this.prompt.shown);
    if (isPromptLike(line.shown, hasNoSpace)) this.prompt = line;
  }

  /** What ends a command has come: the prompt, or what the caller has named, which may be a question of that command. */
  answered(): void {
    this.owed = undefined;
    const line = lastLineOf(this.line());
    if (line.shown.trim() === '') return;
    const isQuestion = this.prompt !== undefined && promptAtEnd(line.raw, this.prompt) === undefined;
    if (!isQuestion || isPromptLike(line.shown, true)) this.prompt = line;
  }
}

/** Whether a text ends in what matches a pattern. */
export function endsIn(text: string, pattern: Pattern): boolean {
  return [pattern].flat().some(one => {
    if (typeof one === 'string') return text.endsWith(one);
    const all = text.matchAll(new RegExp(one.source, `${one.flags.replace(/[gy]/g, '')}g`));
    return [...all].some(found => found.index + found[0].length === text.length);
  });
}
