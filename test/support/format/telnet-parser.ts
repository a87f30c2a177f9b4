import { CMD } from './telnet-codes.ts';

/** An event from the peer that is not data. */
export type WireEvent =
  | { readonly type: 'negotiate'; readonly command: number; readonly option: number }
  | { readonly type: 'command'; readonly command: number }
  | { readonly type: 'subnegotiation'; readonly option: number; readonly payload: Buffer };

/**
 * A deliberately plain Telnet parser, a byte at a time. It must not share a line, or a bug, with src/protocol.
 * CR NUL is CR unless `binary()` says that the peer sends BINARY; CR LF stays.
 */
export class WireParser {
  readonly #onData: (bytes: Uint8Array) => void;
  readonly #onEvent: (event: WireEvent) => void;
  readonly #binary: () => boolean;
  #state: 'data' | 'iac' | 'option' | 'sb' | 'sb-iac' = 'data';
  #afterCr = false;
  #command = 0;
  #sb: number[] = [];
  #out: number[] = [];

  constructor(onData: (bytes: Uint8Array) => void, onEvent: (event: WireEvent) => void, binary: () => boolean) {
    this.#onData = onData;
    this.#onEvent = onEvent;
    this.#binary = binary;
  }

  feed(chunk: Uint8Array): void {
    if (this.#state === 'data' && !chunk.includes(CMD.IAC) && !chunk.includes(0)) {
      // The common case, so that a test can take in megabytes.
      if (chunk.length > 0) this.#afterCr = chunk.at(-1) === 13;
      this.#onData(chunk);
      return;
    }
    for (const byte of chunk) this.#byte(byte);
    this.#flush();
  }

  #flush(): void {
    if (this.#out.length > 0) this.#onData(Buffer.from(this.#out));
    this.#out = [];
  }

  #tell(event: WireEvent): void {
    this.#flush();
    this.#state = 'data';
    this.#onEvent(event);
  }

  #byte(byte: number): void {
    switch (this.#state) {
      case 'data': {
        const pad = byte === 0 && this.#afterCr && !this.#binary();
        this.#afterCr = byte === 13;
        if (byte === CMD.IAC) this.#state = 'iac';
        else if (!pad) this.#out.push(byte);
        break;
      }
      case 'iac':
        if (byte === CMD.IAC) {
          this.#out.push(byte);
          this.#state = 'data';
        } else if (byte === CMD.SB) {
          this.#sb = [];
          this.#state = 'sb';
        } else if (byte > CMD.SB) {
          this.#command = byte;
          this.#state = 'option';
        } else this.#tell({ type: 'command', command: byte });
        break;
      case 'option':
        this.#tell({ type: 'negotiate', command: this.#command, option: byte });
        break;
      case 'sb':
        if (byte === CMD.IAC) this.#state = 'sb-iac';
        else this.#sb.push(byte);
        break;
      case 'sb-iac':
        if (byte === CMD.SE) {
          const [option = -1, ...payload] = this.#sb;
          this.#tell({ type: 'subnegotiation', option, payload: Buffer.from(payload) });
        } else {
          // IAC IAC is one 255; anything else is a peer that broke the framing: kept, so that a test sees it.
          if (byte !== CMD.IAC) this.#sb.push(CMD.IAC);
          this.#sb.push(byte);
          this.#state = 'sb';
        }
        break;
    }
  }
}
