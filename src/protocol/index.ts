/**
 * `telpty/protocol`: the Telnet protocol. Bytes in, data and events out, and the reverse; no I/O, no clock, and no
 * dependency on Node.js. Applications use {@link Telnet}; {@link Parser} and {@link transition} are its two halves,
 * which can also be used alone.
 *
 * @module telpty/protocol
 */
export { TelptyError, type TelptyErrorCode } from '../errors.ts';
export { type ClientKind, clientKind } from './client-kind.ts';
export { Command, commandName, Option, optionName, type Verb } from './constants.ts';
export {
  type Compatibility,
  type NegotiationInput,
  type NegotiationState,
  type Transition,
  transition,
} from './engine/negotiation.ts';
export {
  type Escaping,
  escapeBinary,
  escapeNvt,
  frameCommand,
  frameNegotiation,
  frameSubnegotiation,
  needsNul,
} from './engine/nvt.ts';
export { type CarriageReturn, Parser } from './engine/parser.ts';
export type { Token } from './engine/token.ts';
export type * from './events.ts';
export { defaultLimits, type TelnetLimits } from './limits.ts';
export { binary } from './options/binary.ts';
export {
  type ComPort,
  type ComPortCommand,
  type ComPortConfig,
  type ComPortEvent,
  type ComPortValues,
  comPort,
  LineState,
  ModemState,
} from './options/com-port.ts';
export { echo } from './options/echo.ts';
export { endOfRecord } from './options/end-of-record.ts';
export type { ForwardmaskEvent } from './options/linemode/forward.ts';
export {
  type Linemode,
  type LinemodeConfig,
  type LinemodeEvent,
  linemode,
  type SpecialCharactersEvent,
} from './options/linemode/linemode.ts';
export {
  type SpecialCharacter,
  type SpecialCharacterLevel,
  type SpecialCharacterSetting,
  type SpecialCharacterSettings,
  SpecialFunction,
  type SpecialFunctionName,
  specialCharactersOf,
  type TerminalControl,
  type TerminalControls,
  terminalControls,
  terminalControlsOf,
} from './options/linemode/slc.ts';
export type { LinemodeMode } from './options/linemode/wire-format.ts';
export { type LogoutEvent, logout } from './options/logout.ts';
export { type Aardwolf, type AardwolfEvent, aardwolf } from './options/mud/aardwolf.ts';
export { type Atcp, type AtcpEvent, atcp } from './options/mud/atcp.ts';
export { type Gmcp, type GmcpEvent, gmcp } from './options/mud/gmcp.ts';
export type { MudScalar } from './options/mud/marked-values.ts';
export { type Compression, type CompressionEvent, mccp2, mccp3 } from './options/mud/mccp.ts';
export { type Msdp, type MsdpEvent, msdp } from './options/mud/msdp.ts';
export {
  formatMsdp,
  type MsdpInput,
  type MsdpValue,
  type MsdpVariable,
  type ParsedMsdp,
  parseMsdp,
} from './options/mud/msdp-format.ts';
export { msp } from './options/mud/msp.ts';
export { type Mssp, type MsspEvent, type MsspVariables, mssp } from './options/mud/mssp.ts';
export { type Mxp, type MxpEvent, mxp } from './options/mud/mxp.ts';
export { type Zmp, type ZmpEvent, zmp } from './options/mud/zmp.ts';
export {
  type Consent,
  defineOption,
  type OptionContext,
  type OptionDefinition,
  type OptionHandler,
  type Sides,
} from './options/option.ts';
export { type Status, type StatusEvent, status } from './options/status.ts';
export { suppressGoAhead } from './options/suppress-go-ahead.ts';
export { type Charset, type CharsetConfig, type CharsetEvent, charset } from './options/terminal/charset.ts';
export {
  type Environ,
  type EnvironConfig,
  type EnvironmentEvent,
  environ,
  newEnviron,
} from './options/terminal/environ.ts';
export type { EnvironmentVariable } from './options/terminal/environ-format.ts';
export {
  type FlowControl,
  type FlowControlEvent,
  type FlowControlState,
  flowControl,
} from './options/terminal/flow-control.ts';
export type { Inquiry } from './options/terminal/inquiry.ts';
export { decodeMtts, encodeMtts, MTTS_BITS, type MttsName } from './options/terminal/mtts.ts';
export { type LocationEvent, type SendLocation, sendLocation } from './options/terminal/send-location.ts';
export { type Speed, type TerminalSpeedEvent, terminalSpeed } from './options/terminal/terminal-speed.ts';
export { type TerminalType, type TerminalTypeEvent, terminalType } from './options/terminal/terminal-type.ts';
export { WindowSize, type WindowSizeEvent, windowSize } from './options/terminal/window-size.ts';
export { type XDisplayLocationEvent, xDisplayLocation } from './options/terminal/x-display-location.ts';
export { type TimingMark, type TimingMarkEvent, type TimingMarkOptions, timingMark } from './options/timing-mark.ts';
export { Telnet, type TelnetConfig } from './telnet.ts';
