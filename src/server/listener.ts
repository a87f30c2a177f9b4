/** The listeners of a server, as {@link Server.listen} returns them. */

/** One listener of a server. */
export interface Listener extends AsyncDisposable {
  /**
   * Stops listening. Sessions go on; connections that have no session yet, such as those in a TLS handshake, are
   * closed. A second call does nothing.
   *
   * @returns resolves when the listener is closed.
   */
  close(): Promise<void>;
}

/** A listener on a port. */
export interface TcpListener extends Listener {
  /** The address in use. */
  readonly address: string;
  /** The port in use: the one that the system picked if 0 was requested. */
  readonly port: number;
}

/** A listener on a UNIX socket. */
export interface LocalListener extends Listener {
  readonly path: string;
}
