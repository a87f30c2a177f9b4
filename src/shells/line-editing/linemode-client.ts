import {
  type Linemode,
  type LinemodeMode,
  Option,
  type SpecialFunctionName,
  specialCharactersOf,
  type TerminalControls,
  terminalControls,
  terminalControlsOf,
} from '../../protocol/index.ts';
import type { Modes, Pty } from '../../pty/index.ts';
import { flowControlOption, linemodeOption } from '../../session/option-table.ts';
import type { Session } from '../../session/session.ts';
import { editMode } from './decision.ts';
import { LineWait } from './line-wait.ts';

const NO_EDIT: LinemodeMode = { edit: false, trapsig: false, softTab: false, litEcho: false };

/**
 * State of a client that performs LINEMODE (RFC 1184): what each side has sent. Unchanged values are not sent again.
 */
export class LinemodeClient {
  readonly wait = new LineWait();
  /** Facts of decision.ts. */
  editProposed = false;
  declined = false;
  proven: boolean;
  readonly #session: Session;
  readonly #pty: Pty;
  readonly #handler: Linemode;
  #mode = NO_EDIT;
  /** Set in EDIT: whether our BINARY has to be restored after it. */
  #binary: boolean | undefined;
  /** The terminal's control characters, as last sent to or received from the client. */
  #controls: TerminalControls;

  constructor(session: Session, pty: Pty) {
    this.#session = session;
    this.#pty = pty;
    this.#handler = session.telnet.handler(linemodeOption);
    if (session.telnet.has(flowControlOption)) session.telnet.request(Option.LFLOW, 'remote', true);
    const controls = clientControls(session);
    this.proven = Object.keys(controls).length > 0;
    this.#controls = setControls(pty, controls);
    this.#handler.setUsual(specialCharactersOf(this.#controls));
  }

  get inEdit(): boolean {
    return this.#handler.mode.edit;
  }

  /**
   * Sends MODE, unless the same was sent before. It is not sent again if the client has accepted only a part of it, as
   * it may (RFC 1184, 2.2). The client would do the same again. Without EDIT the other bits are the client's choice.
   */
  setMode(edit: boolean, modes: Modes): void {
    const mode = edit ? editMode(modes) : NO_EDIT;
    const bits = Object.keys(mode) as (keyof LinemodeMode)[];
    this.editProposed = edit;
    if (edit ? bits.every(bit => mode[bit] === this.#mode[bit]) : !this.#mode.edit) return;
    this.#mode = mode;
    this.#handler.propose(mode);
  }

  /** Our BINARY is off in EDIT: GNU telnet, which then echoes the end of a line itself, would print it without CR. */
  setBinary(on: boolean): void {
    const { telnet } = this.#session;
    if (on === (this.#binary === undefined)) return;
    const wasOn = this.#binary ?? telnet.isEnabled(Option.BINARY, 'local');
    this.#binary = on ? undefined : wasOn;
    if (wasOn) telnet.request(Option.BINARY, 'local', on);
  }

  /** A mode applies to all data of the client from here on. */
  entered(mode: LinemodeMode, by: 'us' | 'peer'): void {
    this.proven = true;
    const hasChosen = by === 'peer' || (!mode.edit && this.#handler.isAcknowledged);
    if (hasChosen && mode.edit !== this.editProposed) this.declined = !mode.edit;
    if (by === 'us') return;
    this.#mode = mode;
    this.editProposed ||= mode.edit;
  }

  /** The client has changed some of its special characters. */
  charactersSet(changed: Parameters<typeof terminalControlsOf>[0]): void {
    this.proven = true;
    this.#controls = setControls(this.#pty, terminalControlsOf(changed));
  }

  /** Sends the control characters that the program has changed to the client (SLC). */
  sendCharacters(modes: Modes): void {
    const known = this.#controls;
    this.#controls = controlsOf(modes);
    const changed = Object.entries(this.#controls).filter(
      ([name, value]) => value !== known[name as keyof typeof known],
    );
    if (changed.length > 0) this.#handler.setCharacters(specialCharactersOf(Object.fromEntries(changed)));
  }

  /** Sends the effect of ^S and ^Q to the client (RFC 1372). */
  sendFlowControl({ ixon, ixany }: Modes): void {
    const { telnet } = this.#session;
    if (!telnet.has(flowControlOption)) return;
    telnet.handler(flowControlOption).control({ enabled: ixon === true, restart: ixany ? 'any' : 'xon' });
  }
}

/** Whether the session's client has agreed to LINEMODE, and a shell may use it. */
export function performsLinemode({ telnet }: Session): boolean {
  return telnet.has(linemodeOption) && telnet.isEnabled(Option.LINEMODE, 'remote');
}

/** The control characters that the client of a session has sent, for the terminal of its program. */
export function clientControls(session: Session): Modes {
  if (!performsLinemode(session)) return {};
  const handler = session.telnet.handler(linemodeOption);
  const names = Object.keys(terminalControls) as SpecialFunctionName[];
  return present(terminalControlsOf(names.map(name => handler.character(name))));
}

/**
 * Drops the functions for which the client has no key, so that the terminal keeps its characters: other users or a
 * script may type them.
 */
function present(controls: TerminalControls): Modes {
  return Object.fromEntries(Object.entries(controls).filter(([, value]) => value));
}

/** Sets the client's control characters on the terminal. Returns all control characters of the terminal. */
function setControls(pty: Pty, controls: TerminalControls): TerminalControls {
  const modes = present(controls);
  if (Object.keys(modes).length > 0) pty.setModes(modes);
  return controlsOf(pty.modes());
}

function controlsOf(modes: Modes): TerminalControls {
  return Object.fromEntries(Object.values(terminalControls).map(name => [name, modes[name]]));
}
