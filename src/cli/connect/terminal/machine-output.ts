/** The output of a server for home computers, for the user's terminal or, as plain text, for a program. */
import { type Encoder, encoder } from '../../../charset/index.ts';
import { type Machine, MachineDisplay, MachineText } from '../../../screen/machines/index.ts';
import type { Size } from './state.ts';

const NOTHING = new Uint8Array();

export class MachineOutput {
  readonly #encoder: Encoder;
  readonly #size: (() => Size) | undefined;
  readonly #display: MachineDisplay | undefined;
  readonly #text: MachineText | undefined;

  /**
   * @param local the character set of the result.
   * @param size the size of the terminal; without it the result is plain text.
   */
  constructor(machine: Machine, local: string, size: (() => Size) | undefined) {
    this.#encoder = encoder(local);
    this.#size = size;
    if (size === undefined) {
      this.#text = new MachineText(machine);
    } else {
      const { columns, rows } = size();
      this.#display = new MachineDisplay(machine, columns, rows);
    }
  }

  write(bytes: Uint8Array): Uint8Array {
    if (this.#display === undefined) return this.#encoder.write(this.#text!.write(bytes));
    const { columns, rows } = this.#size!();
    this.#display.resize(columns, rows);
    return this.#encoder.write(this.#display.write(bytes));
  }

  /** No code of these machines has more than one byte. */
  end(): Uint8Array {
    return NOTHING;
  }

  /** See {@link MachineDisplay.resume}. */
  resume(): Uint8Array {
    return this.#display === undefined ? NOTHING : this.#encoder.write(this.#display.resume());
  }

  /** See {@link MachineDisplay.lineTyped}. */
  lineTyped(): void {
    this.#display?.lineTyped();
  }
}
