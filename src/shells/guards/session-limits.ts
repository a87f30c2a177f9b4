import { type OptionTable, object, quantity, readOptions, whole } from '../../options.ts';
import { normalAddress } from '../../transport/pre-session/address-list.ts';
import type { UnwelcomeReason } from '../../transport/pre-session/stage.ts';
import { addressKey } from './addresses.ts';
import { ConnectRate } from './connection-rates.ts';

/** Why a session is turned away. */
export type RefusalReason =
  /** Its address is on the list of those that are denied, or not on that of those that are allowed. */
  | 'denied'
  /** More connections a second from its address than may be. */
  | 'connect-rate'
  | 'too-many-sessions'
  | 'too-many-from-address'
  /** Too many others have connected and have no program yet. */
  | 'too-many-negotiating'
  /** All ids of `userRange` are taken: see `ptyShell`. */
  | 'no-user-id'
  /** Neither its terminal nor anybody at it gave the answer that was asked for: see `robotCheck`. */
  | 'robot';

/** Leave to have a session; given back once, with the session's end. */
export interface Place {
  /** The session's program runs: it does not negotiate any more. A second time does nothing. */
  started?(): void;
  /** Gives it back; a second time does nothing. */
  leave(): void;
}

/** What is known of a session when it asks for a place. */
export interface Applicant {
  /** The session's number. */
  readonly id: number;
  readonly remoteAddress?: string | undefined;
}

/**
 * Who may have a session: asked once for each. Limits on numbers are counted behind this, here or, where several
 * processes share a port, in the one process that knows them all.
 */
export interface Admission {
  /** A place, or why there is none. */
  admit(applicant: Applicant): Place | RefusalReason;
}

/**
 * Addresses: a list of ranges, a Set, or whatever else knows. It is asked at each connection, for IPv4 addresses without
 * `::ffff:` and for IPv6 addresses in their shortest form (RFC 5952).
 */
export interface Addresses {
  /** Whether this address is one of them. */
  has(address: string): boolean;
}

/** Options of {@link Places}. Each 0 or left out is no limit. */
export interface PlacesOptions {
  /** Places at a time. */
  readonly maxSessions?: number;
  /** Places at a time for one address, or one IPv6 network of 64 bits. */
  readonly maxPerAddress?: number;
  /**
   * Connections a second from one address, or one IPv6 network of 64 bits; 1/60 is one a minute. So many at once (but at
   * least 5) may come at any time. Those that get no place for another reason count as well.
   */
  readonly connectRate?: number;
  /** Places at a time that have not {@link Place.started}. */
  readonly maxNegotiating?: number;
  /** If given, nobody else gets a place. */
  readonly allow?: Addresses | undefined;
  /** Who gets none, also of those allowed. */
  readonly deny?: Addresses | undefined;
}

const addresses = object<Addresses>('an object with a function has()', ({ has }) => typeof has === 'function');

export const placesOptions = {
  maxSessions: whole({ default: 0 }),
  maxPerAddress: whole({ default: 0 }),
  connectRate: quantity({ default: 0 }),
  maxNegotiating: whole({ default: 0 }),
  allow: addresses,
  deny: addresses,
} satisfies OptionTable<PlacesOptions>;

/**
 * Counts places. `limit()` has one of its own where it is given numbers; several shells can share one, as `admission`, and
 * whoever has it can change its lists.
 */
export class Places implements Admission {
  readonly #maxSessions: number;
  readonly #maxPerAddress: number;
  readonly #maxNegotiating: number;
  readonly #rate: ConnectRate | undefined;
  #allow: Addresses | undefined;
  #deny: Addresses | undefined;
  #taken = 0;
  #negotiating = 0;
  /** Where that is limited: of each address that has any. */
  readonly #perAddress = new Map<string, number>();

  /** @throws `ERR_INVALID_ARGUMENT` for a limit that is not a whole number ≥ 0, or a rate that is no number ≥ 0. */
  constructor(options: PlacesOptions) {
    const settings = readOptions('Places', placesOptions, options);
    this.#maxSessions = settings.maxSessions || Number.POSITIVE_INFINITY;
    this.#maxPerAddress = settings.maxPerAddress || Number.POSITIVE_INFINITY;
    this.#maxNegotiating = settings.maxNegotiating || Number.POSITIVE_INFINITY;
    if (settings.connectRate > 0) this.#rate = new ConnectRate(settings.connectRate);
    this.#allow = settings.allow;
    this.#deny = settings.deny;
  }

  /** How many are taken. */
  get taken(): number {
    return this.#taken;
  }

  /** How many of those have no program yet. */
  get negotiating(): number {
    return this.#negotiating;
  }

  /** From now on these addresses are allowed and denied. Who has a place keeps it. */
  setAddresses({ allow, deny }: Pick<PlacesOptions, 'allow' | 'deny'>): void {
    readOptions('setAddresses', { allow: addresses, deny: addresses }, { allow, deny });
    this.#allow = allow;
    this.#deny = deny;
  }

  admit(applicant: Applicant): Place | RefusalReason {
    return this.knock(applicant) ?? this.enter(applicant);
  }

  /**
   * The first half of {@link admit}: what depends on the address alone. For who wants to know before anything is done for a
   * connection: `server.listen({ tls, knock: peer => places.knock(peer) })`. The shell's `limit()` then has what is left for
   * its `admission`: `{ admit: applicant => places.enter(applicant) }`. It counts for the rate, so it is called once for each connection.
   *
   * @returns why it is refused, if it is.
   */
  knock({ remoteAddress }: Pick<Applicant, 'remoteAddress'>): UnwelcomeReason | undefined {
    if (this.#isDenied(remoteAddress)) return 'denied';
    const key = this.#rate && addressKey(remoteAddress);
    return key !== undefined && this.#rate?.take(key) === false ? 'connect-rate' : undefined;
  }

  /** The second half: a place, if there is one. It may be asked again. */
  enter({ remoteAddress }: Pick<Applicant, 'remoteAddress'>): Place | RefusalReason {
    if (this.#taken >= this.#maxSessions) return 'too-many-sessions';
    const key = this.#maxPerAddress < Number.POSITIVE_INFINITY ? addressKey(remoteAddress) : undefined;
    const many = key === undefined ? 0 : (this.#perAddress.get(key) ?? 0);
    if (many >= this.#maxPerAddress) return 'too-many-from-address';
    if (this.#negotiating >= this.#maxNegotiating) return 'too-many-negotiating';
    return this.#take(key, many);
  }

  #isDenied(address: string | undefined): boolean {
    // A connection that has none comes by no network: a pipe, a test's pair of streams.
    if (address === undefined || (this.#allow === undefined && this.#deny === undefined)) return false;
    const normal = normalAddress(address);
    return this.#deny?.has(normal) === true || this.#allow?.has(normal) === false;
  }

  #take(key: string | undefined, many: number): Place {
    this.#taken++;
    this.#negotiating++;
    if (key !== undefined) this.#perAddress.set(key, many + 1);
    return new TakenPlace(this, key);
  }

  /** @internal A place's session has started. */
  started(): void {
    this.#negotiating--;
  }

  /** @internal A place is given back. */
  left(key: string | undefined, hasStarted: boolean): void {
    if (!hasStarted) this.#negotiating--;
    this.#taken--;
    if (key === undefined) return;
    const many = this.#perAddress.get(key) ?? 0;
    if (many > 1) this.#perAddress.set(key, many - 1);
    else this.#perAddress.delete(key);
  }
}

/** One place, by its key if addresses are counted. (Two closures in its stead would be five times as much.) */
class TakenPlace implements Place {
  readonly #places: Places;
  readonly #key: string | undefined;
  #state: 'negotiating' | 'started' | 'left' = 'negotiating';

  constructor(places: Places, key: string | undefined) {
    this.#places = places;
    this.#key = key;
  }

  started(): void {
    if (this.#state !== 'negotiating') return;
    this.#state = 'started';
    this.#places.started();
  }

  leave(): void {
    if (this.#state === 'left') return;
    this.#places.left(this.#key, this.#state === 'started');
    this.#state = 'left';
  }
}
