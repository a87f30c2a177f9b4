import type { SendKind } from '../../protocol/index.ts';
import { Deflation, type DeflationUser } from './deflation.ts';
import type { Transport } from './transport.ts';

/**
 * Writes to a transport: what is sent in answer to one chunk leaves as one packet, a writer is called when it may go on, and a
 * peer that takes nothing of what it is owed can be given up.
 */
export class SendQueue implements DeflationUser {
  /** Bytes handed to the transport so far. */
  sent = 0;
  readonly #transport: Transport;
  readonly #onRoom: () => void;
  /** Greater than 0 while what is sent is collected. */
  #collecting = 0;
  /** What was collected, to leave together and not as one packet for each of 20,000 answers. */
  #collected: Uint8Array[] | undefined;
  /** Whether all of it is data. */
  #collectedData = true;
  /** What goes on when the transport has room again. */
  #waiting: (() => void) | undefined;
  #watch: NodeJS.Timeout | undefined;
  /** Made for those who compress, or did. */
  #deflation: Deflation | undefined;

  /** @param onRoom is called when there may be room again though the transport does not say so. */
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

  /** Whether what is sent may be sent on: else the writer should wait, see {@link whenRoom}. */
  get hasRoom(): boolean {
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
   * Sends bytes, in order. They are lent, but for what is sent while others are collected: that must stay unchanged. Does
   * nothing after the end.
   */
  send(bytes: Uint8Array, kind: SendKind): void {
    if (this.#transport.finished) return;
    if (this.#collecting === 0) {
      this.#pass(bytes, kind);
    } else if (kind === 'urgent') {
      // Its mark is at its end, so it goes by itself.
      this.#flush();
      this.#pass(bytes, kind);
    } else {
      this.#collected ??= [];
      this.#collected.push(bytes);
      this.#collectedData &&= kind === 'data';
    }
  }

  /** Takes back data that has not gone out, as far as the transport can. Returns how many bytes. */
  discardData(): number {
    this.#flush();
    const count = this.#transport.discardData();
    this.sent -= count;
    return count + (this.#deflation?.discardData() ?? 0);
  }

  /** From now on what is sent is collected, until {@link sendCollected} was called as often as this. */
  collect(): void {
    this.#collecting++;
  }

  /** Sends what was collected in one write, if this was the last call that is due. */
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
    this.#pass(collected.length === 1 ? collected[0]! : Buffer.concat(collected), kind);
  }

  #pass(bytes: Uint8Array, kind: SendKind): void {
    if (this.#deflation === undefined) this.deflated(bytes, kind);
    else this.#deflation.send(bytes, kind);
  }

  /** From here on what is sent is compressed, or is not. */
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
   * Calls `proceed` now if there is room for more, else when there is. What the kernel took at once is gone: to ask for the
   * length, and not for write()'s answer, spares a round of pause and resume for each chunk that is larger than the
   * transport's mark but was not queued at all.
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

  /** Calls `stalled` when something waits and nothing of it has gone out for `ms` milliseconds. Returns what ends this. */
  watch(ms: number, stalled: () => void): () => void {
    clearInterval(this.#watch);
    let last = this.sent - this.#transport.unsent;
    const watch = setInterval(() => {
      const passed = this.sent - this.#transport.unsent;
      if (this.unsent > 0 && passed === last) stalled();
      last = passed;
    }, ms);
    this.#watch = watch;
    return () => clearInterval(watch);
  }

  /** The transport is gone: ends all waits for it. */
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
