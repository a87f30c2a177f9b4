import { Option, type TelnetEvent } from '../../protocol/index.ts';
import type { Pty } from '../../pty/index.ts';
import type { Session } from '../../session/session.ts';
import type { ShellMode } from '../program/modes.ts';
import { onTerminal } from '../program/on-terminal.ts';
import { hidesOnEcho, terminalEchoes } from './echo.ts';
import { EraseKey } from './erase-key.ts';
import { LineMode } from './line-mode.ts';
import { LocalLines } from './local-lines.ts';
import { TerminalEcho } from './terminal-echo.ts';

/** What {@link Editing} begins with. */
export interface EditingOptions {
  readonly mode: ShellMode;
  /** Whether the client may edit: see {@link LineMode}. */
  readonly lineMode: boolean;
  /** The erase character that the terminal was started with. */
  readonly erase: number;
  /** Whether the terminal was started with an echo, where that follows the client. */
  readonly echo: boolean;
}

/** Who edits and who echoes what a client types, the program's terminal or the client: decides it, and types accordingly. */
export class Editing {
  readonly #session: Session;
  readonly #pty: Pty;
  readonly #mode: ShellMode;
  readonly #lineMode: boolean;
  /** In modes where the terminal's echo follows the client. */
  readonly #echo: TerminalEcho | undefined;
  #eraseKey: EraseKey | undefined;
  /** Set while the client edits lines, or may be told to. */
  #lines: LineMode | LocalLines | undefined;

  constructor(session: Session, pty: Pty, { mode, lineMode, erase, echo }: EditingOptions) {
    this.#session = session;
    this.#pty = pty;
    this.#mode = mode;
    this.#lineMode = lineMode;
    this.#echo = mode.echoFollows ? new TerminalEcho(pty, echo) : undefined;
    this.#eraseKey = mode.learnErase ? new EraseKey(pty, erase) : undefined;
  }

  /** Follows what was negotiated while the program was being started. */
  begin(): void {
    onTerminal(() => this.#echo?.follow(terminalEchoes(this.#session)));
    if (this.#lineMode && LineMode.isOffered(this.#session)) this.#begin(LineMode);
    else this.#beginLocalLines();
  }

  stop(): void {
    this.#lines?.stop();
  }

  /** Whether keys and their echo are nothing to this at the moment. */
  get isIdle(): boolean {
    return this.#lines?.isIdle !== false;
  }

  /** Types input of the client, which is lent. Returns whether more may come at once. */
  type(bytes: Uint8Array): boolean {
    const input =
      this.#mode.delErases && !this.#session.telnet.isEnabled(Option.BINARY, 'remote')
        ? EraseKey.deleteAsBackspace(bytes)
        : bytes;
    if (this.#eraseKey?.concerns(input)) onTerminal(() => this.#eraseKey?.observe(input));
    return onTerminal(() => this.#lines?.type(input)) ?? this.#pty.master.type(input);
  }

  /** The terminal takes input again. Returns whether more may come. */
  drained(): boolean {
    return this.#lines?.drained() !== false;
  }

  /** Forgets what was typed and has not reached the terminal. */
  discard(): void {
    this.#lines?.discard();
  }

  /** The program has set its terminal's modes. */
  modesSet(): void {
    onTerminal(() => this.#lines?.look());
  }

  /** The client has something new to say. */
  negotiated(event: TelnetEvent): void {
    if (event.type === 'terminal-type') this.#beginLocalLines();
    if (event.type !== 'option') {
      const lines = this.#lines;
      if (lines instanceof LineMode) onTerminal(() => lines.negotiated(event));
    } else if (event.option === Option.LINEMODE && event.side === 'remote' && this.#lineMode) {
      if (event.enabled) this.#begin(LineMode);
      else this.#endLineMode();
    } else if (event.option === Option.ECHO && event.side === 'local' && !this.#clientEchoes) {
      if (!this.#session.telnet.isPending(Option.ECHO, 'local')) onTerminal(() => this.#echo?.follow(event.enabled));
    }
  }

  /** Whether it echoes by itself, and ECHO has another meaning for it. */
  get #clientEchoes(): boolean {
    return this.#lines !== undefined || hidesOnEcho(this.#session) === true;
  }

  #begin(Lines: typeof LineMode | typeof LocalLines): void {
    if (this.#lines instanceof Lines) return;
    this.#lines?.stop();
    onTerminal(() => {
      this.#lines = new Lines(this.#session, this.#pty);
    });
    // Who edits lines uses its erase key itself.
    this.#eraseKey = undefined;
  }

  #beginLocalLines(): void {
    if (this.#mode.echoFollows && this.#lines === undefined && hidesOnEcho(this.#session)) this.#begin(LocalLines);
  }

  #endLineMode(): void {
    const lines = this.#lines;
    if (!(lines instanceof LineMode)) return;
    this.#lines = undefined;
    onTerminal(() => lines.disabled());
  }
}
