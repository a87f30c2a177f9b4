/** What the requests of a connection may cost together before their refusals are late. */
const CREDIT = 262_144;
/** Each chunk that has such requests costs this, and each request 1: so a peer that asks again at each refusal has 4,033 at once. */
const CHUNK = 64;
/** A WONT or DONT about an option that is off anyway: half of a switch to and fro, which no peer has a use for. */
const SWITCH = 512;

/**
 * Which requests for what stays off are refused at once. RFC 854 has each request answered, and a peer may send many before it
 * reads an answer: a burst of 200,000 has as many refusals. But a peer may also ask again because it was refused, and that
 * never ends. The number of chunks tells the two apart: such a peer waits for our refusal before it sends the next chunk.
 *
 * What was used up does not come back. Late refusals suffice for a peer that asks now and then: one that comes some time after the
 * last late answer is sent at once.
 */
export class Refusals {
  #used = 0;
  #isCounted = false;

  /** Another chunk of the peer's begins. */
  begin(): void {
    this.#isCounted = false;
  }

  /** The peer has said WONT or DONT about an option that was off. */
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
