// The events of the options that MUDs use. Text in them is decoded as everywhere (see events.ts): UTF-8 where all of a
// message is valid UTF-8, otherwise ISO 8859-1.

/** A message of GMCP came: `Package.Message`, and with it JSON, other text, or nothing. */
export interface GmcpEvent {
  readonly type: 'gmcp';
  /** As it came, in the peer's capitals; most peers take names without regard to capitals. Never empty. */
  readonly name: string;
  /** What followed the name, as it came; `''` if there was nothing. */
  readonly text: string;
  /** The value, where the text is JSON and not nested deeper than the limit; else `undefined`, which no JSON makes. */
  readonly data: unknown;
}

/** A value of MSDP as JavaScript has it: text, an array, or a table (a plain object). MSDP has no numbers. */
export type MsdpValue = string | readonly MsdpValue[] | { readonly [name: string]: MsdpValue };

/** One variable of MSDP. */
export interface MsdpVariable {
  readonly name: string;
  /** Several values for one name are an array, as ARRAY_OPEN and ARRAY_CLOSE around them would make it. */
  readonly value: MsdpValue;
}

/** Variables or commands of MSDP came. */
export interface MsdpEvent {
  readonly type: 'msdp';
  /** In the order of the message, in which a name may come more than once. */
  readonly variables: readonly MsdpVariable[];
}

/** The peer told about its game (MSSP). */
export interface MsspEvent {
  readonly type: 'mssp';
  /** The values of each variable, the most relevant last; where one is wanted, take the last. */
  readonly variables: ReadonlyMap<string, readonly string[]>;
}

/** A command of ZMP came. */
export interface ZmpEvent {
  readonly type: 'zmp';
  /** Such as `zmp.check`. Never empty. */
  readonly command: string;
  readonly args: readonly string[];
}

/** A message of ATCP came. */
export interface AtcpEvent {
  readonly type: 'atcp';
  /** Such as `Room.Num` or `hello`. Never empty. */
  readonly name: string;
  /** What followed the name; `''` if there was nothing. It may have several lines, ended by LF. */
  readonly text: string;
}

/** The peer uses MXP from here on: what it sends is to be read for tags. */
export interface MxpEvent {
  readonly type: 'mxp';
}

/** One message of Aardwolf's option came. */
export interface AardwolfEvent {
  readonly type: 'aardwolf';
  /** 0 to 255; what is told, such as 100 for the state of the player. */
  readonly channel: number;
  /** 0 to 255. */
  readonly value: number;
}

/**
 * Compression begins exactly here (MCCP2, MCCP3). The engine compresses nothing itself.
 * `'received'`: what the peer sent behind this is a zlib stream. The handler takes what of it is in the chunk by
 * `Telnet.takeUnread()`, and from then on gives `Telnet.receive()` not what comes but what that inflates to.
 * `'sent'`: from now on all that `send` is given must be deflated first.
 */
export interface CompressionEvent {
  readonly type: 'compression';
  /** MCCP2 (86), from the server, or MCCP3 (87), from the client. */
  readonly option: number;
  readonly direction: 'received' | 'sent';
}

/** What the options of MUDs tell. */
export type MudEvent =
  | GmcpEvent
  | MsdpEvent
  | MsspEvent
  | ZmpEvent
  | AtcpEvent
  | MxpEvent
  | AardwolfEvent
  | CompressionEvent;
