import type { SendKind } from '../../protocol/index.ts';
import { Deflation, type DeflationUser } from './deflation.ts';
import type { Transport } from './transport.ts';

/** Decides, besides the transport, whether more output may be sent. */
export interface OutputGate {
  /** Whether a writer should wait although the transport has room. */
  readonly isClosed: boolean;
  /** The output that the peer has confirmed, in bytes. */
  readonly answered: number;
}

/**
 * Writes to a transport. Everything sent in answer to one chunk is sent in one packet. A writer is notified when it can
 * continue. A peer that does not read its output can be detected and disconnected.
 */
export class SendQueue implements DeflationUser {
  /** Bytes passed to the transport so far. */
  sent = 0;
  readonly #transport: Transport;
  readonly #onRoom: () => void;
  /** Greater than 0 while output is collected. */
  #collecting = 0;
  /** The collected output, to be sent together and not as one packet for each of 20,000 answers. */
  #collected: Uint8Array[] | undefined;
  /** Whether all of it is data. */
  #collectedData = true;
  /** Called when the transport has room again. */
  #waiting: (() => void) | undefined;
  #watch: NodeJS.Timeout | undefined;
  /** Created when compression is used for the first time. */
  #deflation: Deflation | undefined;
  /** Set once, if there is one. */
  gate: OutputGate | undefined;

  /** @param onRoom called when there may be room again although the transport does not report it. */
  constructor(transport: Transport, onRoom: () => void) {
    this.#transport = transport;
    this.#onRoom = onRoom;
  }

  /** Bytes that the transport has not passed on yet. */
  get unsent(): number {
    return this.#transport.unsent + (this.#deflation?.unsent ?? 0);
  }

  /** Whether nothing more can be sent. */
  get isFinished(): boolean {
    return this.#transport.finished;
  }

  /** Whether more can be sent; otherwise the writer should wait, see {@link whenRoom}. */
  get hasRoom(): boolean {
    return (this.transportHasRoom && this.gate?.isClosed !== true) || this.#transport.destroyed;
  }

  /** Whether the transport accepts more, whatever the gate says. */
  get transportHasRoom(): boolean {
    return this.unsent < this.#transport.mark || this.#transport.destroyed;
  }

  /** As {@link Transport.undelivered}. */
  get undelivered(): number {
    return this.#transport.undelivered + (this.#deflation?.unsent ?? 0);
  }

  /** Whether nothing waits, for whatever reason. */
  get isIdle(): boolean {
    return this.#collecting === 0 && this.#transport.unsent === 0 && this.#deflation === undefined;
  }

  /**
   * Sends bytes, in order. They are lent; bytes sent while output is collected must stay unchanged until it is sent.
   * Does nothing after the end.
   */
  send(bytes: Uint8Array, kind: SendKind): void {
    if (this.#transport.finished) return;
    if (this.#collecting === 0) {
      this.#pass(bytes, kind);
    } else if (kind === 'urgent') {
      // The mark is its last byte, so it is sent by itself.
      this.#flush();
      this.#pass(bytes, kind);
    } else {
      this.#collected ??= [];
      this.#collected.push(bytes);
      this.#collectedData &&= kind === 'data';
    }
  }

  /** Discards data that has not been sent, as far as the transport can. Returns how many bytes. */
  discardData(): number {
    this.#flush();
    const count = this.#transport.discardData();
    this.sent -= count;
    return count + (this.#deflation?.discardData() ?? 0);
  }

  /** Collects output from now on, until {@link sendCollected} has been called as often as this. */
  collect(): void {
    this.#collecting++;
  }

  /** Sends the collected output in one write, if this call matches the first {@link collect}. */
  sendCollected(): void {
    if (--this.#collecting > 0 || this.#collected === undefined) return;
    this.#flush();
  }

  #flush(): void {
    const collected = this.#collected;
    const kind = this.#collectedData ? 'data' : 'control';
    this.#collected = undefined;
    this.#collectedData = true;
    if (collected === undefined || this.#transport.finished) return;
    if (collected.length === 1) this.#pass(collected[0]!, kind);
    else if (this.#deflation === undefined && this.#transport.sendTogether !== undefined) {
      for (const { length } of collected) this.sent += length;
      this.#transport.sendTogether(collected, kind);
    } else this.#pass(Buffer.concat(collected), kind);
  }

  #pass(bytes: Uint8Array, kind: SendKind): void {
    if (this.#deflation === undefined) this.deflated(bytes, kind);
    else this.#deflation.send(bytes, kind);
  }

  /** Output is compressed, or not, from here on. */
  compress(on: boolean): void {
    if (!on && this.#deflation === undefined) return;
    this.#flush();
    this.#deflation ??= new Deflation(this);
    this.#deflation.compress(on);
  }

  deflated(bytes: Uint8Array, kind: SendKind): void {
    if (this.#transport.finished) return;
    this.sent += bytes.length;
    this.#transport.send(bytes, kind);
  }

  mayDeflate(): boolean {
    return this.#transport.unsent < this.#transport.mark;
  }

  settled(): void {
    if (this.hasRoom) this.#onRoom();
  }

  failed(error: Error): void {
    this.#transport.destroy(error);
  }

  /**
   * Calls `proceed` now if there is room for more, otherwise as soon as there is. Bytes that the kernel took at once do
   * not count. Checking the length instead of the result of write() avoids a cycle of pause and resume for some chunks.
   * These are larger than the transport's mark, but were not queued at all.
   */
  whenRoom(proceed: () => void): void {
    if (this.hasRoom) proceed();
    else this.#waiting = proceed;
  }

  /** The transport has room again. */
  room(): void {
    this.#deflation?.room();
    if (this.hasRoom) this.#proceed();
  }

  /** Ends the sending half once everything has been passed on. */
  end(done: () => void): void {
    this.#flush();
    if (this.#deflation === undefined) this.#transport.end(done);
    else this.#deflation.end(() => this.#transport.end(done));
  }

  /**
   * Calls `stalled` if something waits and none of it was sent for `ms` milliseconds. Returns a function that ends the
   * watch.
   */
  watch(ms: number, stalled: () => void): () => void {
    clearInterval(this.#watch);
    const progress = () => this.sent - this.#transport.unsent + (this.gate?.answered ?? 0);
    let last = progress();
    const watch = setInterval(() => {
      const passed = progress();
      if ((this.unsent > 0 || this.gate?.isClosed) && passed === last) stalled();
      last = passed;
    }, ms);
    this.#watch = watch;
    return () => clearInterval(watch);
  }

  /** The transport is closed: ends all waits for it. */
  stop(): void {
    clearInterval(this.#watch);
    this.#deflation?.destroy();
    this.#proceed();
  }

  #proceed(): void {
    const proceed = this.#waiting;
    this.#waiting = undefined;
    proceed?.();
  }
}
