/** The switches that the prompt can toggle. */
import { Option } from '../../protocol/index.ts';
import type { SessionTrace } from '../../session/observing/observers.ts';
import type { Session } from '../../session/session.ts';
import { describeRecord } from '../log/describe.ts';
import type { Screen } from './terminal/screen.ts';

/** A switch. */
export interface Toggle {
  readonly help: string;
  get(): boolean;
  set(on: boolean): void;
}

/** All toggles except those of the user's own terminal. */
export function sessionToggles(session: Session, screen: Screen, print: (line: string) => void): [string, Toggle][] {
  const trace: SessionTrace = { telnet: (direction, record) => print(`${direction} ${describeRecord(record)}`) };
  const { telnet } = session;
  const options: Toggle = {
    help: 'show negotiation',
    get: () => session.trace !== undefined,
    set: on => {
      session.trace = on ? trace : undefined;
    },
  };
  const crmod: Toggle = {
    help: 'show a CR as a new line',
    get: () => screen.returnsAreLines,
    set: on => {
      screen.returnsAreLines = on;
    },
  };
  // BINARY is negotiated for each direction (RFC 856); the toggle sets both.
  const binary: Toggle = {
    help: 'send and receive eight bits without the rules for lines (BINARY)',
    get: () => telnet.isEnabled(Option.BINARY, 'local') || telnet.isEnabled(Option.BINARY, 'remote'),
    set: on => {
      for (const side of ['local', 'remote'] as const) telnet.request(Option.BINARY, side, on);
    },
  };
  return [
    ['options', options],
    ['crmod', crmod],
    ['binary', binary],
  ];
}
