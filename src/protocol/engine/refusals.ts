/** Total cost of the requests of a connection above which their refusals are late. */
const CREDIT = 262_144;
/**
 * Cost of each chunk that has such requests; each request costs 1 more. So 4,033 refusals to a peer that asks again
 * after each refusal are sent at once.
 */
const CHUNK = 64;
/**
 * Cost of a WONT or DONT for an option that is already off. It is one half of switching back and forth, which no peer
 * has a use for.
 */
const SWITCH = 512;

/**
 * Decides which requests for an option that stays off are refused at once. RFC 854 requires an answer to each request,
 * and a peer may send many requests before it reads an answer. A burst of 200,000 gets as many refusals. But a peer may
 * also ask again because it was refused, and that never ends. The number of chunks distinguishes the two: such a peer
 * waits for our refusal before it sends the next chunk.
 *
 * Credit that was used is not restored. Late refusals suffice for a peer that asks occasionally: a refusal that comes
 * some time after the last late answer is sent at once.
 */
export class Refusals {
  #used = 0;
  #isCounted = false;

  /** Another chunk of the peer begins. */
  begin(): void {
    this.#isCounted = false;
  }

  /** The peer has sent WONT or DONT for an option that was off. */
  switched(): void {
    this.#used += SWITCH;
  }

  /** Counts one more request that is refused. Returns whether its refusal is late. */
  isLate(): boolean {
    if (this.#used <= CREDIT) this.#used += this.#isCounted ? 1 : CHUNK + 1;
    this.#isCounted = true;
    return this.#used > CREDIT;
  }
}
