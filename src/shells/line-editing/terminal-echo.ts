import type { Pty } from '../../pty/index.ts';

/**
 * The echo of a program's terminal, for a client that may take it over (RFC 857: whoever has echo enabled does it). Such a
 * client must not see everything twice; nor, when it gives the echo back, a password, or the keys of a program that shows
 * them itself.
 */
export class TerminalEcho {
  readonly #pty: Pty;
  /** Set while the echo is off because the client wants none of us: whether that was in ICANON. */
  #takenIn: { readonly icanon: boolean } | undefined;

  /** @param echo whether the terminal was started with it. */
  constructor(pty: Pty, echo: boolean) {
    this.#pty = pty;
    if (!echo) this.#takenIn = { icanon: true };
  }

  /**
   * Whether we are to echo has been agreed on, perhaps once more.
   *
   * @throws TelptyError `ERR_PTY_IO` when the terminal is closed
   */
  follow(enabled: boolean): void {
    if (enabled === (this.#takenIn === undefined)) return;
    const { echo, icanon } = this.#pty.modes();
    if (!enabled) {
      if (echo) this.#takenIn = { icanon: icanon === true };
      this.#pty.setModes({ echo: false });
      return;
    }
    const sameKind = this.#takenIn?.icanon === icanon;
    this.#takenIn = undefined;
    if (sameKind) this.#pty.setModes({ echo: true });
  }
}
