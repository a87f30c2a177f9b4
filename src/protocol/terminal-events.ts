import type { SpecialCharacter } from './options/linemode/slc.ts';

// The events of the options that are about the client's terminal: LINEMODE, LFLOW, TSPEED, XDISPLOC, SNDLOC. Part of
// TelnetEvent (events.ts).

/** What the options about the client's terminal tell. */
export type TerminalEvent =
  | LinemodeEvent
  | SpecialCharactersEvent
  | ForwardmaskEvent
  | FlowControlEvent
  | TerminalSpeedEvent
  | XDisplayLocationEvent
  | LocationEvent;

/** What the client does with what is typed (RFC 1184, 2.2). */
export interface LinemodeMode {
  /** The client edits, and sends whole lines; otherwise it sends each character. */
  readonly edit: boolean;
  /** The client sends IP, BRK, AYT, ABORT, EOF and SUSP as commands; otherwise as the characters that were typed. */
  readonly trapsig: boolean;
  /** The client expands tabs into spaces. */
  readonly softTab: boolean;
  /** The client echoes control characters as they are, not as `^A`. */
  readonly litEcho: boolean;
}

/** A mode of LINEMODE is in force from this point of the peer's stream on (RFC 1184). */
export interface LinemodeEvent {
  readonly type: 'linemode';
  readonly mode: LinemodeMode;
  /** Whose proposal it was. The peer may have accepted less than we proposed, or (a client) something else. */
  readonly by: 'us' | 'peer';
}

/** The peer has changed special characters (RFC 1184, 2.4). */
export interface SpecialCharactersEvent {
  readonly type: 'special-characters';
  /** Those that have changed, at most 30, as they are in force now. */
  readonly changed: readonly SpecialCharacter[];
}

/** At which characters the client sends what is typed so far, besides the ends of lines (RFC 1184, 2.3). */
export interface ForwardmaskEvent {
  readonly type: 'forwardmask';
  /** In order, 0 to 255; without BINARY to 127. `undefined`: there is no mask in force (it was refused or withdrawn). */
  readonly characters: readonly number[] | undefined;
  /** `'us'`: the client's answer to the mask we asked for; `'peer'`: the server asked us. */
  readonly by: 'us' | 'peer';
}

/** The peer wants our terminal's output stopped and restarted by XOFF and XON, or not (RFC 1372). */
export interface FlowControlEvent {
  readonly type: 'flow-control';
  /** Whether XOFF and XON are acted on here. True from the moment the option is enabled, without an event. */
  readonly enabled: boolean;
  /** What restarts the output: any character, or only XON; `undefined` while the peer has not said. */
  readonly restart: 'any' | 'xon' | undefined;
}

/** The peer told its terminal's speed (RFC 1079). */
export interface TerminalSpeedEvent {
  readonly type: 'terminal-speed';
  /** Bits in a second, 0 to 4,294,967,295. */
  readonly transmit: number;
  readonly receive: number;
}

/** The peer told where its X display is (RFC 1096). */
export interface XDisplayLocationEvent {
  readonly type: 'x-display-location';
  /** `host:display.screen`, as it came: printable ASCII without spaces, and no more is known of it. */
  readonly display: string;
}

/** The peer told where its user is (RFC 779). */
export interface LocationEvent {
  readonly type: 'location';
  /** For people: printable ASCII, as it came. */
  readonly location: string;
}
