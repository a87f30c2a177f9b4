import type { SendKind, TelnetEvent, TelnetHandlers, TraceRecord } from '../../protocol/index.ts';
import type { Intake, Reader } from './receive-scheduler.ts';
import type { TransportUser } from './transport.ts';

/** The part of a session that a {@link Wire} needs. */
export interface WireEnd {
  readonly trace: { telnet?(direction: 'sent' | 'received', record: TraceRecord): void } | undefined;
  transmit(bytes: Uint8Array, kind: SendKind): void;
  deliver(view: Uint8Array): void;
  report(event: TelnetEvent): void;
  deferAnswers(): void;
  isForeign(bytes: Buffer): boolean;
  receive(bytes: Buffer, stale: boolean): void;
  urgent(): void;
  exhaust(): void;
  hangup(reason: string): void;
  room(): void;
  finishing(): void;
  gone(error?: Error): void;
}

/** Whom the engine and the transport call, kept off the session's public face. It passes everything on. */
export class Wire implements TelnetHandlers, TransportUser, Reader {
  intake!: Intake;
  readonly #session: WireEnd;

  constructor(session: WireEnd) {
    this.#session = session;
  }

  send(bytes: Uint8Array, kind: SendKind): void {
    this.#session.transmit(bytes, kind);
  }

  data(view: Uint8Array): void {
    this.#session.deliver(view);
  }

  event(event: TelnetEvent): void {
    this.#session.report(event);
  }

  now(): number {
    return performance.now();
  }

  deferred(): void {
    this.#session.deferAnswers();
  }

  trace(direction: 'sent' | 'received', record: TraceRecord): void {
    this.#session.trace?.telnet?.(direction, record);
  }

  arrived(bytes: Buffer, stale?: boolean): void {
    if (this.#session.isForeign(bytes)) return;
    this.intake.arrived(bytes, stale);
  }

  urgent(): void {
    this.intake.urgent();
    this.#session.urgent();
  }

  ended(): void {
    this.intake.ended();
  }

  receive(bytes: Buffer, stale: boolean): void {
    this.#session.receive(bytes, stale);
  }

  exhausted(): void {
    this.#session.exhaust();
  }

  spoiled(reason: string): void {
    this.#session.hangup(reason);
  }

  room(): void {
    this.#session.room();
  }

  finishing(): void {
    this.#session.finishing();
  }

  closed(error?: Error): void {
    this.#session.gone(error);
  }
}
