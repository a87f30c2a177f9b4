/** What may be toggled at the prompt. */
import { Option } from '../../protocol/index.ts';
import type { SessionTrace } from '../../session/observers.ts';
import type { Session } from '../../session/session.ts';
import { describeRecord } from '../log/describe.ts';
import type { Screen } from './terminal/screen.ts';

/** A switch. */
export interface Toggle {
  readonly help: string;
  get(): boolean;
  set(on: boolean): void;
}

/** All but those about the user's own terminal. */
export function sessionToggles(session: Session, screen: Screen, say: (line: string) => void): [string, Toggle][] {
  const trace: SessionTrace = { telnet: (direction, record) => say(`${direction} ${describeRecord(record)}`) };
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
  // Both directions at once (RFC 856).
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
