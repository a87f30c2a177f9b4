/** Where a server is in its life. */
export type Phase =
  /** Not listening yet. */
  | 'starting'
  | 'serving'
  /** It takes no new clients, and waits for its sessions to end by themselves. */
  | 'draining'
  /** It hangs up those that have not. */
  | 'stopping';

/** The phase of this process's server; whoever wants to know asks. */
export class Life {
  #phase: Phase = 'starting';

  get phase(): Phase {
    return this.#phase;
  }

  enter(phase: Phase): void {
    this.#phase = phase;
  }
}
