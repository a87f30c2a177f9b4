/** The user's session: connections one after the other, the login before them, and the pauses between them. */
import { type Config, fetchConfig, tokenOf } from './gateway.ts';
import { type Ending, Link, type LinkEvents, type Size } from './link.ts';

/** The state of the session, as people see it. */
export type SessionState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'connecting' }
  | { readonly kind: 'open' }
  /** The gateway requires a name and a password. */
  | { readonly kind: 'login' }
  /** The connection was lost or refused, and is tried again at `retryAt`, in milliseconds of `Date.now()`. */
  | { readonly kind: 'lost'; readonly ending: Ending; readonly retryAt: number }
  /** It has ended normally, or must not be tried again without the user. */
  | { readonly kind: 'ended'; readonly ending: Ending };

/** Events of a session; some are those of its `Link`. */
export interface SessionEvents extends Pick<LinkEvents, 'received' | 'outdated' | 'markRequested' | 'echoChanged'> {
  stateChanged(state: SessionState, before: SessionState): void;
  configured(config: Config): void;
}

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
/** Pauses grow until a connection has lasted as long as this. */
const STABLE_MS = 10_000;
/** Codes after which another attempt would have the same end: a normal end, and errors of the protocol or the page. */
const FINAL: readonly number[] = [1000, 1002, 1003, 1007, 1008, 1009, 1010];

/** Keeps a connection to the gateway. */
export class Session {
  readonly #base: URL;
  readonly #size: () => Size;
  readonly #events: SessionEvents;
  #state: SessionState = { kind: 'idle' };
  #link: Link | undefined;
  #attempts = 0;
  #timer: number | undefined;

  constructor(base: URL, size: () => Size, events: SessionEvents) {
    this.#base = base;
    this.#size = size;
    this.#events = events;
    addEventListener('online', () => this.#hurry());
    document.addEventListener('visibilitychange', () => this.#hurry());
  }

  get state(): SessionState {
    return this.#state;
  }

  /** The open connection. */
  get link(): Link | undefined {
    return this.#state.kind === 'open' ? this.#link : undefined;
  }

  /** Connects, unless a connection is open or being made. */
  async start(): Promise<void> {
    if (this.#state.kind === 'open' || this.#state.kind === 'connecting') return;
    clearTimeout(this.#timer);
    this.#enter({ kind: 'connecting' });
    const config = await fetchConfig(this.#base);
    if (config === undefined) {
      this.#retry({ code: 1006, reason: '', wasOpen: false });
      return;
    }
    this.#events.configured(config);
    const token = tokenOf(this.#base);
    if (config.login === 'required' || (config.login === 'done' && token === undefined)) {
      this.#enter({ kind: 'login' });
      return;
    }
    if (config.isAllowed === false) this.#enter({ kind: 'ended', ending: { code: 1008, reason: '', wasOpen: false } });
    else this.#connect(token);
  }

  #connect(token: string | undefined): void {
    const url = new URL('ws', this.#base);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    let openedAt = Number.POSITIVE_INFINITY;
    const { received, outdated, markRequested, echoChanged } = this.#events;
    const link = new Link(url, token, this.#size(), {
      received,
      outdated,
      markRequested,
      echoChanged,
      opened: () => {
        openedAt = Date.now();
        this.#enter({ kind: 'open' });
      },
      closed: ending => {
        this.#link = undefined;
        if (Date.now() - openedAt > STABLE_MS) this.#attempts = 0;
        if (ending.wasOpen && FINAL.includes(ending.code)) {
          this.#attempts = 0;
          this.#enter({ kind: 'ended', ending });
        } else this.#retry(ending);
      },
    });
    this.#link = link;
  }

  #retry(ending: Ending): void {
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#attempts++);
    // Pages that lost the same server do not all come back at the same moment.
    const wait = pause * (0.8 + 0.4 * Math.random());
    this.#enter({ kind: 'lost', ending, retryAt: Date.now() + wait });
    this.#timer = window.setTimeout(() => {
      // In a hidden page the attempt waits for visibilitychange.
      if (!document.hidden) void this.start();
    }, wait);
  }

  /** The network is back, or the page is visible again. */
  #hurry(): void {
    if (this.#state.kind === 'lost' && !document.hidden) void this.start();
  }

  #enter(state: SessionState): void {
    const before = this.#state;
    this.#state = state;
    this.#events.stateChanged(state, before);
  }
}
