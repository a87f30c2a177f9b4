/**
 * Notifications to the service manager that started this process (sd_notify(3)): that it serves, reloads and stops, a
 * status text, and, if it has a watchdog, that the event loop still runs. Datagrams to the socket that NOTIFY_SOCKET
 * names.
 */
import { addon } from '../../native/load.ts';
import { systemError } from '../../native/system-error.ts';
import { escapeText } from '../../shells/output/escape.ts';
import type { Log } from '../log/log.ts';

/** The interval between two checks of the status text, in milliseconds. */
const STATUS_MS = 10_000;
/** The interval between two attempts while the manager's queue is full, in milliseconds, and the number of attempts. */
const RETRY_MS = 100;
const MOST_RETRIES = 50;

/** A service manager that expects notifications. */
export class ServiceManager {
  readonly #address: Buffer;
  readonly #log: Log;
  readonly #status: () => string;
  #timers: NodeJS.Timeout[] = [];
  #lastStatus = '';
  #complained = false;

  /**
   * Finds the manager in `environment`, and removes its variables.
   *
   * @param status returns the status text.
   * @returns undefined if no service manager expects notifications.
   */
  static find(
    status: () => string,
    log: Log,
    environment: NodeJS.ProcessEnv = process.env,
    pid = process.pid,
  ): ServiceManager | undefined {
    const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = environment;
    for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete environment[name];
    // A path or an abstract name. There are also sockets of virtual machines, which only a manager inside one has.
    if (NOTIFY_SOCKET === undefined || !/^[/@]./s.test(NOTIFY_SOCKET)) return undefined;
    const isOurs = WATCHDOG_PID === undefined || WATCHDOG_PID === String(pid);
    const watchdogMs = isOurs && /^\d{1,15}$/.test(WATCHDOG_USEC ?? '') ? Number(WATCHDOG_USEC) / 1_000 : 0;
    return new ServiceManager(NOTIFY_SOCKET, watchdogMs, status, log);
  }

  private constructor(address: string, watchdogMs: number, status: () => string, log: Log) {
    this.#address = Buffer.from(address);
    this.#status = status;
    this.#log = log;
    this.#every(STATUS_MS, () => this.#sendStatus());
    // Sent from the event loop that accepts clients: if it is blocked, no notification is sent. Twice as often as
    // needed.
    if (watchdogMs > 0) this.#every(Math.max(watchdogMs / 2, 1), () => this.#send('WATCHDOG=1'));
  }

  /** The server is ready: for the first time, or again after a reload. */
  ready(): void {
    this.#notify('READY=1');
  }

  /** A reload begins; {@link ready} follows. */
  reloading(): void {
    // The time distinguishes this notification from one about an earlier reload.
    this.#notify('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1_000n}`);
  }

  /** The server stops, which may take this number of milliseconds, longer perhaps than the manager's own timeout. */
  stopping(atMost: number): void {
    this.#notify('STOPPING=1', `EXTEND_TIMEOUT_USEC=${Math.ceil(atMost * 1_000)}`);
  }

  /** Stops the notifications. */
  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  #every(milliseconds: number, action: () => void): void {
    this.#timers.push(setInterval(action, milliseconds).unref());
  }

  #sendStatus(): void {
    if (this.#status() !== this.#lastStatus) this.#notify();
  }

  #notify(...fields: string[]): void {
    this.#lastStatus = this.#status();
    this.#send([...fields, `STATUS=${this.#lastStatus}`].join('\n'));
  }

  #send(message: string, retries = MOST_RETRIES): void {
    const result = addon().notify(this.#address, Buffer.from(message));
    if (result === 0) return;
    const { name, text } = systemError(-result);
    if (name === 'EAGAIN' && retries > 0) setTimeout(() => this.#send(message, retries - 1), RETRY_MS).unref();
    else this.#logFailure(text);
  }

  #logFailure(reason: string): void {
    if (this.#complained) return;
    this.#complained = true;
    this.#log.warn(`cannot notify the service manager at ${escapeText(this.#address.toString(), 120)}: ${reason}`);
  }
}
