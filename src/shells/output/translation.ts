import { Converter, decoder, encoder } from '../../charset/index.ts';
import type { Pty } from '../../pty/index.ts';
import { areScreensLoaded, loadScreens, type Machine, MachineScreen, machineOf } from '../../screen/machines/index.ts';
import type { Session } from '../../session/session.ts';

/** The way between a program and a client of one set. Bytes that are given are lent, and so are those returned. */
interface Way {
  /** From the client. */
  input(bytes: Uint8Array): Uint8Array;
  /** What of the input has not come whole is forgotten. */
  discardInput(): void;
  /** From the program. */
  take(bytes: Uint8Array): void;
  /** What is to be sent for what was taken; some of that may wait for the next call after this time (performance.now()). */
  output(until: number): Uint8Array;
  /** Whether nothing that was taken waits. */
  readonly isDone: boolean;
  /** What waits is forgotten. */
  discardOutput(): void;
  /** The client may not have shown what it was sent. */
  outputLost(): void;
  /** The program has ended, and nothing waits: what is left of a character that it did not finish. */
  end(): Uint8Array;
  /** What a client would have sent, had it typed this control character of the program's terminal. */
  keyOf(control: number): number;
}

/**
 * Stands between a program that runs in one character set and a client that speaks another, and converts both ways as the
 * bytes come. Where both are the same it does nothing.
 */
export class Translation {
  readonly #session: Session;
  readonly #fallback: string;
  readonly #pty: Pty;
  readonly #program: string;
  readonly #erase: number;
  #client = '';
  #way: Way | undefined;
  /** The way of input: it may have arrived before the client changed to the set of this moment. */
  #typed: { readonly client: string; readonly way: Way | undefined } | undefined;

  /**
   * @param program the program's character set, canonical.
   * @param fallback the client's, where it says none.
   * @param erase what the program's terminal has for an erase character.
   */
  constructor(session: Session, pty: Pty, program: string, fallback: string, erase: number) {
    this.#session = session;
    this.#pty = pty;
    this.#program = program;
    this.#fallback = fallback;
    this.#erase = erase;
    this.follow();
  }

  /** The way to go; `undefined` where there is nothing to be done to bytes. */
  get way(): Way | undefined {
    return this.#way;
  }

  /** The client may have agreed to another set by now. What was half converted in the one before is lost then. */
  follow(): void {
    const client = this.#session.terminal.encoding(this.#fallback);
    if (client === this.#client) return;
    this.#client = client;
    this.#way = this.#wayOf(client);
  }

  #wayOf(client: string): Way | undefined {
    const machine = machineOf(client);
    if (client === this.#program) return undefined;
    if (machine !== undefined) return new MachineWay(machine, this.#pty, this.#program, this.#erase);
    return new CharsetWay(client, this.#program);
  }

  /**
   * Converts what the session gives at this moment, in the set that was in force when it arrived: it may have waited for the program to
   * start, or to read. The bytes are lent, and so are those returned.
   */
  input(received: Uint8Array): Uint8Array {
    const runs = this.#session.link.encodingRuns(received, this.#client, this.#fallback);
    const [first] = runs;
    if (runs.length === 1 && first !== undefined) return this.#convert(first.bytes, first.encoding);
    return Buffer.concat(runs.map(({ bytes, encoding }) => Buffer.from(this.#convert(bytes, encoding))));
  }

  #convert(bytes: Uint8Array, client: string): Uint8Array {
    const isCurrent = client === this.#client;
    // (The client may have changed to another set and back, which makes a way anew.)
    if (this.#typed?.client !== client || (isCurrent && this.#typed.way !== this.#way)) {
      this.#typed = { client, way: isCurrent ? this.#way : this.#wayOf(client) };
    }
    return this.#typed.way?.input(bytes) ?? bytes;
  }

  /** What of the input has not come whole is forgotten. */
  discardInput(): void {
    this.#typed?.way?.discardInput();
  }
}

const NOTHING = new Uint8Array();

/** To a client whose set has ASCII and its control sequences, as nearly all have. */
class CharsetWay implements Way {
  readonly #client: string;
  readonly #program: string;
  #input: Converter;
  readonly #output: Converter;
  #converted: Uint8Array = NOTHING;
  readonly isDone = true;

  constructor(client: string, program: string) {
    this.#client = client;
    this.#program = program;
    this.#input = new Converter(client, program);
    this.#output = new Converter(program, client, { halvesMayBeApart: true });
  }

  input(bytes: Uint8Array): Uint8Array {
    return this.#input.write(bytes);
  }

  discardInput(): void {
    this.#input = new Converter(this.#client, this.#program);
  }

  take(bytes: Uint8Array): void {
    this.#converted = this.#output.write(bytes);
  }

  output(): Uint8Array {
    const converted = this.#converted;
    this.#converted = NOTHING;
    return converted;
  }

  discardOutput(): void {}

  outputLost(): void {}

  end(): Uint8Array {
    return this.#output.end();
  }

  keyOf(control: number): number {
    return control;
  }
}

/** Answers of the terminal wait for a program that does not read them, up to so many bytes; more are not given. */
const MAX_ANSWERS = 4_096;

/**
 * To a home computer, which is no terminal: see {@link MachineScreen}. Before the first, what makes screens has to be loaded.
 * A session that begins with such a client waits for that. Where a client agrees to such a set later, its output waits.
 */
class MachineWay implements Way {
  readonly #machine: Machine;
  readonly #pty: Pty;
  readonly #erase: number;
  readonly #decoder: ReturnType<typeof decoder>;
  readonly #encoder: ReturnType<typeof encoder>;
  #screen: MachineScreen | undefined;
  /** Whether screens could not be loaded: the package is incomplete. Nothing is shown then. */
  #isBroken = false;
  /** Output that is not on the screen yet, and how much of it is. */
  #waiting = '';
  #at = 0;

  constructor(machine: Machine, pty: Pty, program: string, erase: number) {
    this.#machine = machine;
    this.#pty = pty;
    this.#erase = erase;
    this.#decoder = decoder(program, { halvesMayBeApart: true });
    this.#encoder = encoder(program);
    if (areScreensLoaded()) this.#begin();
    else {
      loadScreens().then(
        () => this.#begin(),
        () => {
          this.#isBroken = true;
        },
      );
    }
  }

  #begin(): void {
    const pty = this.#pty;
    this.#screen = new MachineScreen(this.#machine, pty.columns, pty.rows, text => {
      if (pty.unwritten < MAX_ANSWERS) pty.master.type(Buffer.from(text));
    });
  }

  input(bytes: Uint8Array): Uint8Array {
    const modes = { application: this.#screen?.applicationKeys ?? false, erase: this.#erase };
    let text = '';
    for (const code of bytes) text += this.#machine.key(code, modes);
    return this.#encoder.write(text);
  }

  discardInput(): void {}

  take(bytes: Uint8Array): void {
    this.#waiting = this.#waiting.slice(this.#at) + this.#decoder.write(bytes);
    this.#at = 0;
  }

  get isDone(): boolean {
    return this.#at === this.#waiting.length || this.#isBroken;
  }

  output(until: number): Uint8Array {
    const screen = this.#screen;
    if (screen === undefined) return NOTHING;
    screen.resize(this.#pty.columns, this.#pty.rows);
    const text = this.#waiting;
    do this.#at = screen.take(text, this.#at);
    while (!this.isDone && performance.now() < until);
    if (!this.isDone) return NOTHING;
    this.discardOutput();
    return screen.paint();
  }

  discardOutput(): void {
    this.#waiting = '';
    this.#at = 0;
  }

  outputLost(): void {
    this.#screen?.beginAnew();
  }

  end(): Uint8Array {
    return this.#screen?.write(this.#decoder.end()) ?? NOTHING;
  }

  keyOf(control: number): number {
    return control === this.#erase ? this.#machine.eraseKey : control;
  }
}
