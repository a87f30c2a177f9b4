/**
 * `telpty/protocol`: the Telnet language. Bytes in, data and events out, and back; no I/O, no clock, nothing of Node.
 * {@link Telnet} is what applications use; {@link Parser} and {@link transition} are its two halves, usable alone.
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
export { escapeBinary, escapeNvt, frameCommand, frameNegotiation, frameSubnegotiation, owesNul } from './engine/nvt.ts';
export { type CarriageReturn, Parser } from './engine/parser.ts';
export type { Token } from './engine/token.ts';
export type {
  CharsetEvent,
  CommandEvent,
  EnvironmentEvent,
  EnvironmentVariable,
  LogoutEvent,
  OptionEvent,
  SendKind,
  Side,
  StatusEvent,
  SubnegotiationEvent,
  TelnetEvent,
  TelnetHandlers,
  TerminalTypeEvent,
  TimingMarkEvent,
  TraceRecord,
  WarningCode,
  WarningEvent,
  WindowSizeEvent,
} from './events.ts';
export { defaultLimits, type TelnetLimits } from './limits.ts';
export type {
  AardwolfEvent,
  AtcpEvent,
  CompressionEvent,
  GmcpEvent,
  MsdpEvent,
  MsdpValue,
  MsdpVariable,
  MsspEvent,
  MudEvent,
  MxpEvent,
  ZmpEvent,
} from './mud-events.ts';
export { binary } from './options/binary.ts';
export { type ComPort, type ComPortConfig, comPort } from './options/com-port.ts';
export {
  type ComPortCommand,
  type ComPortEvent,
  type ComPortValues,
  LineState,
  ModemState,
} from './options/com-port-values.ts';
export { echo } from './options/echo.ts';
export { endOfRecord } from './options/end-of-record.ts';
export { type Linemode, type LinemodeConfig, linemode } from './options/linemode/linemode.ts';
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
export { logout } from './options/logout.ts';
export { type Aardwolf, aardwolf } from './options/mud/aardwolf.ts';
export { type Atcp, atcp } from './options/mud/atcp.ts';
export { type Gmcp, gmcp } from './options/mud/gmcp.ts';
export type { MudScalar } from './options/mud/marked-values.ts';
export { type Compression, mccp2, mccp3 } from './options/mud/mccp.ts';
export { type Msdp, msdp } from './options/mud/msdp.ts';
export { formatMsdp, type MsdpInput, type ParsedMsdp, parseMsdp } from './options/mud/msdp-format.ts';
export { msp } from './options/mud/msp.ts';
export { type Mssp, type MsspVariables, mssp } from './options/mud/mssp.ts';
export { type Mxp, mxp } from './options/mud/mxp.ts';
export { type Zmp, zmp } from './options/mud/zmp.ts';
export {
  type Consent,
  defineOption,
  type OptionContext,
  type OptionDefinition,
  type OptionHandler,
  type Sides,
} from './options/option.ts';
export { type Status, status } from './options/status.ts';
export { suppressGoAhead } from './options/suppress-go-ahead.ts';
export { type Charset, type CharsetConfig, charset } from './options/terminal/charset.ts';
export { type Environ, type EnvironConfig, environ, newEnviron } from './options/terminal/environ.ts';
export { type FlowControl, type FlowControlState, flowControl } from './options/terminal/flow-control.ts';
export type { Inquiry } from './options/terminal/inquiry.ts';
export { decodeMtts, encodeMtts, MTTS_BITS, type MttsName } from './options/terminal/mtts.ts';
export { type SendLocation, sendLocation } from './options/terminal/send-location.ts';
export { type Speed, terminalSpeed } from './options/terminal/terminal-speed.ts';
export { type TerminalType, terminalType } from './options/terminal/terminal-type.ts';
export { WindowSize, windowSize } from './options/terminal/window-size.ts';
export { xDisplayLocation } from './options/terminal/x-display-location.ts';
export { type TimingMark, timingMark } from './options/timing-mark.ts';
export { Telnet, type TelnetConfig } from './telnet.ts';
export type {
  FlowControlEvent,
  ForwardmaskEvent,
  LinemodeEvent,
  LinemodeMode,
  LocationEvent,
  SpecialCharactersEvent,
  TerminalEvent,
  TerminalSpeedEvent,
  XDisplayLocationEvent,
} from './terminal-events.ts';
