/**
 * State that a session keeps between calls, so that each command gets its own output.
 *
 * Telnet does not mark where output ends; only the prompt does, and the next command may be sent only after it has
 * arrived. If a command was given up (timeout, abort, too much output), its prompt is still outstanding. The text up to
 * that prompt is its output. So the session records that a prompt is outstanding. It also records what the prompt looks
 * like, since a line of output may look like a prompt.
 */
import type { Duplex } from 'node:stream';
import type { Link } from '../link.ts';
import { END, type GrowingText } from './growing-text.ts';
import { SentLines } from './last-line.ts';
import { endsInMark, isPromptLike, type LastLine, lastLineOf, promptAtEnd } from './prompts.ts';
import type { Pattern } from './search.ts';

/** Waits for a state of a session. */
export interface Observer {
  /** Called after a negotiation. */
  look(): void;
  closed(): void;
}

/** A command that was sent and whose prompt has not arrived. */
interface PendingPrompt {
  /** The pattern of its prompt, if the caller has given one. */
  readonly prompt: Pattern | undefined;
  /** The position in the input up to which it had been read when the command was given up, in bytes. */
  readonly position: number;
}

/** The text dialogue of a session with the other end: its state, and which call reads. */
export class Conversation {
  /** The session. */
  readonly stream: Duplex;
  readonly link: Link;
  /** Whether a call is reading: two calls at once would each get a part of the text. */
  isReading = false;
  readonly #observers = new Set<Observer>();
  /** The last prompt that was received. */
  prompt: LastLine | undefined;
  /** Whether the other end echoes commands; `undefined` if it is not known. */
  echoes: boolean | undefined;
  pendingPrompt: PendingPrompt | undefined;
  /** Lines, commands and passwords that were sent. Errors do not repeat them. */
  readonly sent = new SentLines();
  /** The last line of the text read so far, which may be incomplete. */
  #line = '';
  /** The position in the input to which that line applies, in bytes. */
  #position = 0;

  constructor(stream: Duplex, link: Link) {
    this.stream = stream;
    this.link = link;
  }

  /**
   * Calls an observer after each event of the protocol engine, and at the end. All observers share one listener,
   * because Node.js warns about many. Returns the function that removes the observer.
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

  /** Text was read up to the position `used`; the input has now been read up to `position`, in bytes. */
  read(text: GrowingText, used: number, position: number): void {
    const start = Math.max(0, used - END);
    const end = text.from(start).slice(0, used - start);
    const lineFeed = end.lastIndexOf('\n');
    const isContinued = lineFeed < 0 && start === 0;
    this.#line = isContinued ? (this.#line + end).slice(-END) : end.slice(lineFeed + 1);
    this.#position = position;
  }

  /** `Session.readUntil` has read this text: it may be outstanding output of a command that was given up. */
  readUntil(text: string): void {
    if (this.pendingPrompt === undefined) return;
    const { prompt } = this.pendingPrompt;
    const end = text.slice(-END);
    if (promptAtEnd(end, this.prompt) !== undefined || (prompt !== undefined && endsIn(end, prompt)))
      this.pendingPrompt = undefined;
  }

  /** The line on which reading has stopped; empty if other code has read the session since. */
  line(): string {
    return this.link.inputPosition === this.#position ? this.#line : '';
  }

  /** Learns the line on which reading has stopped as the prompt, if it looks like one. */
  learnLine(): void {
    const line = lastLineOf(this.line());
    const hasNoSpace = this.prompt === undefined || endsInMark(this.prompt.shown);
    if (isPromptLike(line.shown, hasNoSpace)) this.prompt = line;
  }

  /**
   * The end of a command's output has arrived: the prompt, or the caller's pattern, which may be a question of that
   * command.
   */
  answered(): void {
    this.pendingPrompt = undefined;
    const line = lastLineOf(this.line());
    if (line.shown.trim() === '') return;
    const isQuestion = this.prompt !== undefined && promptAtEnd(line.raw, this.prompt) === undefined;
    if (!isQuestion || isPromptLike(line.shown, true)) this.prompt = line;
  }
}

/** Whether a text ends in a match of a pattern. */
export function endsIn(text: string, pattern: Pattern): boolean {
  return [pattern].flat().some(one => {
    if (typeof one === 'string') return text.endsWith(one);
    const all = text.matchAll(new RegExp(one.source, `${one.flags.replace(/[gy]/g, '')}g`));
    return [...all].some(found => found.index + found[0].length === text.length);
  });
}
