import { type OptionTable, object, quantity, readOptions, whole } from '../../options.ts';
import { normalAddress } from '../../transport/pre-session/address-list.ts';
import type { UnwelcomeReason } from '../../transport/pre-session/stage.ts';
import { addressKey } from './addresses.ts';
import { ConnectRate } from './connection-rates.ts';

/** Why a session is refused. */
export type RefusalReason =
  /** The deny list contains its address, or the allow list does not. */
  | 'denied'
  /** Its address exceeds the limit of connections per second. */
  | 'connect-rate'
  | 'too-many-sessions'
  | 'too-many-from-address'
  /** Too many other sessions have connected and have no program yet. */
  | 'too-many-negotiating'
  /** All ids of `userRange` are in use: see `ptyShell`. */
  | 'no-user-id'
  /** Neither the terminal nor the user gave the required answer: see `robotCheck`. */
  | 'robot';

/** Permission to have a session, held until the session ends. */
export interface Slot {
  /**
   * Reports that the program of the session runs, so the session no longer counts as negotiating. A second call does
   * nothing.
   */
  started?(): void;
  /** Releases the slot. A second call does nothing. */
  release(): void;
}

/** The facts about a connection that requests a slot. A session is a candidate. */
export interface Candidate {
  /** The id of the session. */
  readonly id: number;
  readonly remoteAddress?: string | undefined;
  /** The result of the listener's address check: see {@link SessionLimits.ticket}. */
  readonly ticket?: object | undefined;
}

/**
 * Decides which connections get a session. It is called once for each. If several processes share a port, one of them
 * decides for all.
 */
export interface AdmissionControl {
  /** A slot, or the reason for the refusal. */
  admit(candidate: Candidate): Slot | RefusalReason;
}

/**
 * Addresses: a list of ranges, a Set, or any other object with `has()`. It is called for each connection, with IPv4
 * addresses without `::ffff:` and IPv6 addresses in their shortest form (RFC 5952).
 */
export interface Addresses {
  /** Whether the address is one of them. */
  has(address: string): boolean;
}

/** Options of {@link SessionLimits}. A limit that is 0 or left out does not apply. */
export interface SessionLimitsOptions {
  /** Concurrent sessions. */
  readonly maxSessions?: number;
  /** Concurrent sessions from one IPv4 address or one IPv6 network of 64 bits. */
  readonly maxPerAddress?: number;
  /**
   * Sustained rate of connections per second from one address, or one IPv6 network of 64 bits; 1/60 is one per minute.
   * A burst of one second (at least 5) is allowed. Connections that get no slot for another reason also count.
   */
  readonly connectRate?: number;
  /** Concurrent sessions that have not {@link Slot.started}. */
  readonly maxNegotiating?: number;
  /** If set, only these addresses get a slot. */
  readonly allow?: Addresses | undefined;
  /** Addresses that get no slot, even if `allow` contains them. */
  readonly deny?: Addresses | undefined;
}

const addresses = object<Addresses>('an object with a function has()', ({ has }) => typeof has === 'function');

export const sessionLimitsOptions = {
  maxSessions: whole({ default: 0 }),
  maxPerAddress: whole({ default: 0 }),
  connectRate: quantity({ default: 0 }),
  maxNegotiating: whole({ default: 0 }),
  allow: addresses,
  deny: addresses,
} satisfies OptionTable<SessionLimitsOptions>;

/**
 * Counts sessions. `limit()` creates one from its own options. Several shells can share one as `admission`, and its
 * address lists can be changed at any time.
 */
export class SessionLimits implements AdmissionControl {
  readonly #maxSessions: number;
  readonly #maxPerAddress: number;
  readonly #maxNegotiating: number;
  readonly #rate: ConnectRate | undefined;
  #allow: Addresses | undefined;
  #deny: Addresses | undefined;
  #taken = 0;
  #negotiating = 0;
  /** Sessions of each address that has any. Unused without `maxPerAddress`. */
  readonly #perAddress = new Map<string, number>();

  /** @throws `ERR_INVALID_ARGUMENT` if a limit is not an integer ≥ 0, or the rate is not a number ≥ 0. */
  constructor(options: SessionLimitsOptions) {
    const settings = readOptions('SessionLimits', sessionLimitsOptions, options);
    this.#maxSessions = settings.maxSessions || Number.POSITIVE_INFINITY;
    this.#maxPerAddress = settings.maxPerAddress || Number.POSITIVE_INFINITY;
    this.#maxNegotiating = settings.maxNegotiating || Number.POSITIVE_INFINITY;
    if (settings.connectRate > 0) this.#rate = new ConnectRate(settings.connectRate);
    this.#allow = settings.allow;
    this.#deny = settings.deny;
  }

  /** The number of slots in use. */
  get taken(): number {
    return this.#taken;
  }

  /** The number of slots in use whose session has no program yet. */
  get negotiating(): number {
    return this.#negotiating;
  }

  /** Replaces the address lists. Slots in use are not affected. */
  setAddresses({ allow, deny }: Pick<SessionLimitsOptions, 'allow' | 'deny'>): void {
    readOptions('setAddresses', { allow: addresses, deny: addresses }, { allow, deny });
    this.#allow = allow;
    this.#deny = deny;
  }

  /**
   * Takes a slot: with the ticket of the candidate, if {@link ticket} issued one, otherwise with a new ticket.
   */
  admit(candidate: Candidate): Slot | RefusalReason {
    const given = candidate.ticket;
    const ticket = given instanceof Ticket && given.isUnusedOf(this) ? given : this.ticket(candidate);
    return typeof ticket === 'string' ? ticket : (ticket.enter() ?? ticket);
  }

  /**
   * Checks the address of a connection and counts it for the connection rate. A listener can check addresses before the
   * cost of a TLS handshake: `server.listen({ tls, checkAddress: client => limits.ticket(client) })`. The session then
   * has the ticket, so its shell, `limit({ admission: limits }, shell)`, does not count the connection again.
   *
   * @returns a ticket, or the reason why the connection is refused.
   */
  ticket({ remoteAddress }: Pick<Candidate, 'remoteAddress'>): Ticket | UnwelcomeReason {
    if (this.isDenied(remoteAddress)) return 'denied';
    const isPerAddress = this.#maxPerAddress < Number.POSITIVE_INFINITY;
    const key = this.#rate !== undefined || isPerAddress ? addressKey(remoteAddress) : undefined;
    if (key !== undefined && this.#rate?.take(key) === false) return 'connect-rate';
    return new Ticket(this, isPerAddress ? key : undefined);
  }

  /** @internal Whether the address lists refuse a connection. It is not counted. */
  isDenied(address: string | undefined): boolean {
    // A connection without an address uses no network: a pipe, or the pair of streams of a test.
    if (address === undefined || (this.#allow === undefined && this.#deny === undefined)) return false;
    const normal = normalAddress(address);
    return this.#deny?.has(normal) === true || this.#allow?.has(normal) === false;
  }

  /** @internal Takes a slot for an address. @returns the reason of a refusal. */
  enter(key: string | undefined): RefusalReason | undefined {
    if (this.#taken >= this.#maxSessions) return 'too-many-sessions';
    const count = key === undefined ? 0 : (this.#perAddress.get(key) ?? 0);
    if (count >= this.#maxPerAddress) return 'too-many-from-address';
    if (this.#negotiating >= this.#maxNegotiating) return 'too-many-negotiating';
    this.#taken++;
    this.#negotiating++;
    if (key !== undefined) this.#perAddress.set(key, count + 1);
    return undefined;
  }

  /** @internal The session of a slot has started. */
  started(): void {
    this.#negotiating--;
  }

  /** @internal A slot is released. */
  released(key: string | undefined, hasStarted: boolean): void {
    if (!hasStarted) this.#negotiating--;
    this.#taken--;
    if (key === undefined) return;
    const count = this.#perAddress.get(key) ?? 0;
    if (count > 1) this.#perAddress.set(key, count - 1);
    else this.#perAddress.delete(key);
  }
}

/**
 * A connection whose address was accepted, and, after `enter()`, its slot. It is one object for both: two closures
 * would take five times as much memory for each session.
 */
export class Ticket implements Slot {
  readonly #limits: SessionLimits;
  /** The key under which the sessions of its address are counted, if they are counted. */
  readonly #key: string | undefined;
  #state: 'checked' | 'negotiating' | 'started' | 'released' = 'checked';

  /** @internal See {@link SessionLimits.ticket}. */
  constructor(limits: SessionLimits, key: string | undefined) {
    this.#limits = limits;
    this.#key = key;
  }

  /** @internal */
  isUnusedOf(limits: SessionLimits): boolean {
    return this.#limits === limits && this.#state === 'checked';
  }

  /**
   * Takes a slot. It may be called again after a refusal, and after {@link release}; neither counts the connection
   * again.
   *
   * @returns the reason of a refusal; `undefined` if the ticket holds a slot now, also if it already did.
   */
  enter(): RefusalReason | undefined {
    if (this.#state === 'negotiating' || this.#state === 'started') return undefined;
    const refused = this.#limits.enter(this.#key);
    if (refused === undefined) this.#state = 'negotiating';
    return refused;
  }

  started(): void {
    if (this.#state !== 'negotiating') return;
    this.#state = 'started';
    this.#limits.started();
  }

  /** Releases the slot. Does nothing if there is none. */
  release(): void {
    if (this.#state !== 'negotiating' && this.#state !== 'started') return;
    this.#limits.released(this.#key, this.#state === 'started');
    this.#state = 'released';
  }
}
