import { TelptyError } from '../../../errors.ts';
import { check } from '../../check.ts';
import { Option } from '../../constants.ts';
import type { Side, WarningCode } from '../../events.ts';
import { defineOption, type OptionContext, type OptionDefinition, type OptionHandler, type Sides } from '../option.ts';

// TOGGLE-FLOW-CONTROL, option 33, RFC 1372.
//
//   IAC SB LFLOW OFF | ON | RESTART-ANY | RESTART-XON IAC SE      to the side that performs it (WILL)
//
// The option controls the performer's own terminal: whether ^S and ^Q stop and restart its output, or are ordinary
// characters. Flow control is initially ON. The performer chooses what restarts the output, until it receives a RESTART
// command. Unknown commands are ignored, as RFC 1080 asks, since more may be defined later.

/** The peer has enabled or disabled XOFF and XON for the output of our terminal (RFC 1372). */
export interface FlowControlEvent {
  readonly type: 'flow-control';
  /** Whether XOFF and XON take effect on our terminal. True when the option is enabled, without an event. */
  readonly enabled: boolean;
  /** The characters that restart the output: any, or only XON; `undefined` until the peer has set it. */
  readonly restart: 'any' | 'xon' | undefined;
}

declare module '../../events.ts' {
  interface TelnetEvents {
    readonly 'flow-control': FlowControlEvent;
  }
}

const OFF = 0;
const ON = 1;
const RESTART_ANY = 2;
const RESTART_XON = 3;
const RESTARTS = new Map<number | undefined, 'any' | 'xon'>([
  [RESTART_ANY, 'any'],
  [RESTART_XON, 'xon'],
]);

/** How a terminal's output is stopped and restarted. */
export interface FlowControlState {
  /** Whether XOFF and XON take effect. */
  readonly enabled: boolean;
  /** The characters that restart the output: any, or only XON; `undefined`: the performer chooses. */
  readonly restart: 'any' | 'xon' | undefined;
}

const INITIAL: FlowControlState = Object.freeze({ enabled: true, restart: undefined });

/** The handler of {@link flowControl}. */
export class FlowControl implements OptionHandler {
  readonly #telnet: OptionContext;
  readonly #controls: boolean;
  /** The state that our application requests for the peer's terminal, and the state that was sent. */
  #wanted: FlowControlState = INITIAL;
  #sent: FlowControlState = INITIAL;
  /** The state that the peer requests for our terminal. */
  #ours: FlowControlState = INITIAL;

  constructor(telnet: OptionContext, controls: boolean) {
    this.#telnet = telnet;
    this.#controls = controls;
  }

  /** The state that the peer requests for our terminal; the initial state while the local side is not enabled. */
  get state(): FlowControlState {
    return this.#ours;
  }

  /**
   * Sets how the peer's terminal treats XOFF and XON. Changes are sent now if the remote side is enabled, otherwise as
   * soon as it is. Omitted properties stay unchanged.
   *
   * @throws TelptyError `ERR_INVALID_ARGUMENT` for an invalid value; `ERR_OPTION` if the remote side is not in the
   *   definition
   */
  control(state: { readonly enabled?: boolean; readonly restart?: 'any' | 'xon' }): void {
    if (!this.#controls) throw new TelptyError('ERR_OPTION', 'LFLOW: the definition has no remote side');
    const { enabled = this.#wanted.enabled, restart = this.#wanted.restart } = state;
    check(typeof enabled === 'boolean', 'enabled must be a boolean');
    check(restart === undefined || restart === 'any' || restart === 'xon', "restart must be 'any' or 'xon'");
    this.#wanted = { enabled, restart };
    this.#sendChanges();
  }

  enabled(side: Side): void {
    if (side === 'local') {
      this.#ours = INITIAL;
      return;
    }
    this.#sent = INITIAL;
    this.#sendChanges();
  }

  disabled(side: Side): void {
    if (side === 'local') this.#ours = INITIAL;
  }

  subnegotiation(payload: Uint8Array): void {
    const [command] = payload;
    if (!this.#telnet.isEnabled(Option.LFLOW, 'local')) {
      this.#warn('unexpected-subnegotiation', 'from the controlled side');
    } else if (payload.length !== 1) {
      this.#warn('malformed-subnegotiation', `a command of ${payload.length} bytes`);
    } else if (command === OFF || command === ON) {
      this.#obey({ enabled: command === ON, restart: this.#ours.restart });
    } else if (command === RESTART_ANY || command === RESTART_XON) {
      this.#obey({ enabled: this.#ours.enabled, restart: RESTARTS.get(command) });
    }
  }

  #obey(state: FlowControlState): void {
    if (state.enabled === this.#ours.enabled && state.restart === this.#ours.restart) return;
    this.#ours = state;
    this.#telnet.emit({ type: 'flow-control', ...state });
  }

  #sendChanges(): void {
    if (!this.#telnet.isEnabled(Option.LFLOW, 'remote') || this.#telnet.isPending(Option.LFLOW, 'remote')) return;
    const { enabled, restart } = this.#wanted;
    const sent = this.#sent;
    this.#sent = this.#wanted;
    if (enabled !== sent.enabled) this.#send(enabled ? ON : OFF);
    if (restart !== undefined && restart !== sent.restart) this.#send(restart === 'any' ? RESTART_ANY : RESTART_XON);
  }

  #send(command: number): void {
    this.#telnet.subnegotiate(Option.LFLOW, Uint8Array.of(command));
  }

  #warn(code: WarningCode, message: string): void {
    this.#telnet.warn(code, `LFLOW: ${message}`, Option.LFLOW);
  }
}

/**
 * Whether ^S and ^Q stop and restart the output of a terminal (RFC 1372). Remote: the peer's terminal, by
 * `telnet.handler(definition).control({ enabled, restart })`. Local: our terminal, as `flow-control` events.
 */
export function flowControl(sides: Sides): OptionDefinition<FlowControl> {
  const controls = sides.remote !== undefined && sides.remote !== false;
  return defineOption(Option.LFLOW, sides, { create: telnet => new FlowControl(telnet, controls) });
}
