import { Converter, decoder, encoder } from '../../charset/index.ts';
import type { Pty } from '../../pty/index.ts';
import { areScreensLoaded, loadScreens, type Machine, MachineScreen, machineOf } from '../../screen/machines/index.ts';
import type { Session } from '../../session/session.ts';

/**
 * The conversion between a program and a client with one character set. Bytes are borrowed, both arguments and results.
 */
interface Way {
  /** Converts bytes from the client. */
  input(bytes: Uint8Array): Uint8Array;
  /** Discards an incomplete character of the input. */
  discardInput(): void;
  /** Accepts bytes from the program. */
  take(bytes: Uint8Array): void;
  /** Returns the bytes to send. After the time `until` (performance.now()), the rest is left for the next call. */
  output(until: number): Uint8Array;
  /** Whether no accepted bytes are left to convert. */
  readonly isDone: boolean;
  /** Discards the bytes that are left to convert. */
  discardOutput(): void;
  /** The client may not have displayed the output that it was sent. */
  outputLost(): void;
  /**
   * The program has ended and all its output is converted: returns the bytes for an incomplete character at its end.
   */
  end(): Uint8Array;
  /** The byte that the client would have sent for this control character of the program's terminal. */
  keyOf(control: number): number;
}

/**
 * Converts between a program that runs in one character set and a client that uses another, in both directions and as
 * the bytes arrive. If both are the same, it does nothing.
 */
export class Translation {
  readonly #session: Session;
  readonly #fallback: string;
  readonly #pty: Pty;
  readonly #program: string;
  readonly #erase: number;
  #client = '';
  #way: Way | undefined;
  /** The conversion of input, which may have arrived before the client changed to its present character set. */
  #typed: { readonly client: string; readonly way: Way | undefined } | undefined;

  /**
   * @param program the program's character set, canonical.
   * @param fallback the client's, if it negotiates none.
   * @param erase the erase character of the program's terminal.
   */
  constructor(session: Session, pty: Pty, program: string, fallback: string, erase: number) {
    this.#session = session;
    this.#pty = pty;
    this.#program = program;
    this.#fallback = fallback;
    this.#erase = erase;
    this.follow();
  }

  /** The conversion at present; `undefined` if the bytes are passed unchanged. */
  get way(): Way | undefined {
    return this.#way;
  }

  /** The client may have negotiated another character set. An incomplete character of the previous set is lost. */
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
   * Converts the data that was read from the session, in the character set that was in force when it arrived. It may
   * have waited until the program started, or read. Bytes are borrowed, both arguments and results.
   */
  input(received: Uint8Array): Uint8Array {
    const runs = this.#session.link.encodingRuns(received, this.#client, this.#fallback);
    const [first] = runs;
    if (runs.length === 1 && first !== undefined) return this.#convert(first.bytes, first.encoding);
    return Buffer.concat(runs.map(({ bytes, encoding }) => Buffer.from(this.#convert(bytes, encoding))));
  }

  #convert(bytes: Uint8Array, client: string): Uint8Array {
    const isCurrent = client === this.#client;
    // If the client has changed to another set and back, there is a new conversion.
    if (this.#typed?.client !== client || (isCurrent && this.#typed.way !== this.#way)) {
      this.#typed = { client, way: isCurrent ? this.#way : this.#wayOf(client) };
    }
    return this.#typed.way?.input(bytes) ?? bytes;
  }

  /** Discards an incomplete character of the input. */
  discardInput(): void {
    this.#typed?.way?.discardInput();
  }
}

const NOTHING = new Uint8Array();

/** For clients whose character set contains ASCII and its control sequences, like nearly all. */
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

/** Limit of terminal replies that a program has not read, in bytes; further ones are dropped. */
const MAX_ANSWERS = 4_096;

/**
 * For home computers, which are not terminals: see {@link MachineScreen}. The modules for screens are loaded when first
 * needed. A session that starts with such a client waits for them. If a client changes to such a set later, its output
 * waits.
 */
class MachineWay implements Way {
  readonly #machine: Machine;
  readonly #pty: Pty;
  readonly #erase: number;
  readonly #decoder: ReturnType<typeof decoder>;
  readonly #encoder: ReturnType<typeof encoder>;
  #screen: MachineScreen | undefined;
  /** Whether the modules could not be loaded because the package is incomplete. Then no output is shown. */
  #isBroken = false;
  /** Output that was not applied to the screen yet, and the offset up to which it was. */
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
