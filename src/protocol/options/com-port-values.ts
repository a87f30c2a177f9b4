// The tables of RFC 2217: each name stands at the place of its number on the wire. They import nothing, so that events.ts
// can be made of their types.

/** Section 2 to 5. A client sends the place in this list; an access server sends the place and 100. */
export const COM_PORT_COMMANDS = [
  'SIGNATURE',
  'SET-BAUDRATE',
  'SET-DATASIZE',
  'SET-PARITY',
  'SET-STOPSIZE',
  'SET-CONTROL',
  'NOTIFY-LINESTATE',
  'NOTIFY-MODEMSTATE',
  'FLOWCONTROL-SUSPEND',
  'FLOWCONTROL-RESUME',
  'SET-LINESTATE-MASK',
  'SET-MODEMSTATE-MASK',
  'PURGE-DATA',
] as const satisfies readonly ComPortCommand[];

/** Section 2. In this table and the next two `undefined` is the question for the value in use, or a number without a name. */
export const DATA_SIZES = [undefined, undefined, undefined, undefined, undefined, 5, 6, 7, 8] as const;

/** Section 2. */
export const PARITIES = [undefined, 'NONE', 'ODD', 'EVEN', 'MARK', 'SPACE'] as const;

/** Section 2, in bits. */
export const STOP_SIZES = [undefined, 1, 2, 1.5] as const;

/** Section 3. FLOW is the flow control of the port's output, or of both directions where INBOUND-FLOW is not set. */
export const CONTROLS = [
  'FLOW-REQUEST',
  'FLOW-NONE',
  'FLOW-XON-XOFF',
  'FLOW-HARDWARE',
  'BREAK-REQUEST',
  'BREAK-ON',
  'BREAK-OFF',
  'DTR-REQUEST',
  'DTR-ON',
  'DTR-OFF',
  'RTS-REQUEST',
  'RTS-ON',
  'RTS-OFF',
  'INBOUND-FLOW-REQUEST',
  'INBOUND-FLOW-NONE',
  'INBOUND-FLOW-XON-XOFF',
  'INBOUND-FLOW-HARDWARE',
  'FLOW-DCD',
  'INBOUND-FLOW-DTR',
  'FLOW-DSR',
] as const;

/** Section 3. RECEIVE is what the access server has read from the port, TRANSMIT what it still has to write to it. */
export const PURGES = [undefined, 'RECEIVE', 'TRANSMIT', 'BOTH'] as const;

/** The bits of NOTIFY-LINESTATE and SET-LINESTATE-MASK (RFC 2217, sections 3 and 4). The mask is 0 until it is set. */
export const LineState = {
  DATA_READY: 1,
  OVERRUN_ERROR: 2,
  PARITY_ERROR: 4,
  FRAMING_ERROR: 8,
  BREAK_DETECT: 16,
  TRANSFER_HOLDING_REGISTER_EMPTY: 32,
  TRANSFER_SHIFT_REGISTER_EMPTY: 64,
  TIME_OUT_ERROR: 128,
} as const;

/** The bits of NOTIFY-MODEMSTATE and SET-MODEMSTATE-MASK (RFC 2217, sections 3 and 4). The mask is 255 until it is set. */
export const ModemState = {
  DELTA_CLEAR_TO_SEND: 1,
  DELTA_DATA_SET_READY: 2,
  TRAILING_EDGE_RING: 4,
  DELTA_CARRIER_DETECT: 8,
  CLEAR_TO_SEND: 16,
  DATA_SET_READY: 32,
  RING_INDICATOR: 64,
  CARRIER_DETECT: 128,
} as const;

/** The name of a message of RFC 2217. */
export type ComPortCommand = keyof ComPortValues;

/** What each message carries. `undefined` asks for the value in use, where there is something to ask for. */
export interface ComPortValues {
  /** Text for people: who the sender is. */
  readonly SIGNATURE: string | undefined;
  /** Bits a second, 1 to 4,294,967,295. */
  readonly 'SET-BAUDRATE': number | undefined;
  /** Bits. */
  readonly 'SET-DATASIZE': (typeof DATA_SIZES)[number];
  readonly 'SET-PARITY': (typeof PARITIES)[number];
  /** Bits. */
  readonly 'SET-STOPSIZE': (typeof STOP_SIZES)[number];
  readonly 'SET-CONTROL': (typeof CONTROLS)[number];
  /** Bits of {@link LineState}, from the access server. `undefined`: a client asks for them, which the RFC does not have. */
  readonly 'NOTIFY-LINESTATE': number | undefined;
  /** Bits of {@link ModemState}, from the access server. `undefined`: a client asks, as pySerial's does. */
  readonly 'NOTIFY-MODEMSTATE': number | undefined;
  readonly 'FLOWCONTROL-SUSPEND': undefined;
  readonly 'FLOWCONTROL-RESUME': undefined;
  /** Bits of {@link LineState} to be notified of. */
  readonly 'SET-LINESTATE-MASK': number;
  /** Bits of {@link ModemState} to be notified of. */
  readonly 'SET-MODEMSTATE-MASK': number;
  readonly 'PURGE-DATA': Exclude<(typeof PURGES)[number], undefined>;
}

/** A message about a serial port came (RFC 2217): from the client where we are the server, from the server where not. */
export type ComPortEvent = {
  readonly [C in ComPortCommand]: { readonly type: 'com-port'; readonly command: C; readonly value: ComPortValues[C] };
}[ComPortCommand];
