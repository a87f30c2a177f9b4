/**
 * The keys of the user's terminal as the codes of a home computer. A sequence of a key may be cut anywhere: its
 * beginning waits for the rest, or for {@link MachineKeys.flush}. Sequences of keys that the machine does not have, and
 * reports of the terminal, are dropped.
 */
import { decoder, type Encoder, encoder, type StreamDecoder } from '../../../charset/index.ts';
import { keyCodes, type Machine } from '../../../screen/machines/index.ts';

const ESCAPE = '\x1b';
/** A whole sequence: of the Linux console (`ESC [ [ A`), CSI, SS3. */
const SEQUENCE = /\x1b(?:\[\[[\s\S]|\[[0-?]*[ -/]*[@-Z\\-~]|O[0-9;]*[@-~])/y;
/** The beginning of one at the end of the text; a longer one is not of a key. */
const BEGUN = /^\x1b(?:\[\[?|\[[0-?]{1,64}|O[0-9;]{0,64})?$/;

/** Other sequences for the same key, in the order in which they are tried: `CSI 1 ; 5 A` is `CSI A` with Ctrl. */
const FORMS: readonly (readonly [RegExp, string])[] = [
  // CLR is the shifted HOME key; machines without HOME have it as well.
  [/^\x1b\[1;2H$/, '\f'],
  [/^\x1b\[(?:1|7)(?:;\d+)?~$/, '\x1b[H'],
  [/^\x1b[[O](?:\d+;)?\d+([A-DH])$/, '\x1b[$1'],
  [/^\x1b[[O](?:\d+;)?\d+([P-S])$/, '\x1bO$1'],
  [/^\x1b\[(\d+);\d+~$/, '\x1b[$1~'],
  // The function keys of rxvt, and of the Linux console.
  [/^\x1b\[11(?:;\d+)?~$|^\x1b\[\[A$/, '\x1bOP'],
  [/^\x1b\[12(?:;\d+)?~$|^\x1b\[\[B$/, '\x1bOQ'],
  [/^\x1b\[13(?:;\d+)?~$|^\x1b\[\[C$/, '\x1bOR'],
  [/^\x1b\[14(?:;\d+)?~$|^\x1b\[\[D$/, '\x1bOS'],
  [/^\x1b\[\[E$/, '\x1b[15~'],
  // A C64 can only delete the character before the cursor.
  [/^\x1b\[3(?:;\d+)?~$/, '\x7f'],
];

const codesOfMachines = new Map<string, ReadonlyMap<string, number>>();

function codesOf(machine: Machine): ReadonlyMap<string, number> {
  let codes = codesOfMachines.get(machine.charset);
  if (codes === undefined) {
    // A terminal may send either for the erase key (terminfo, kbs).
    codes = new Map([...keyCodes(machine), ['\b', machine.eraseKey]]);
    codesOfMachines.set(machine.charset, codes);
  }
  return codes;
}

export class MachineKeys {
  readonly #codes: ReadonlyMap<string, number>;
  readonly #encoder: Encoder;
  readonly #decoder: StreamDecoder;
  readonly #sendsSequences: boolean;
  /** The beginning of a sequence. */
  #begun = '';

  /**
   * @param local the character set of the user's terminal.
   * @param sendsSequences whether the sequences of keys are not translated.
   */
  constructor(machine: Machine, local: string, sendsSequences: boolean) {
    this.#codes = codesOf(machine);
    this.#encoder = encoder(machine.charset);
    this.#decoder = decoder(local);
    this.#sendsSequences = sendsSequences;
  }

  /** Whether the beginning of a sequence waits. */
  get isWaiting(): boolean {
    return this.#begun !== '';
  }

  /** Takes what was typed. Returns the codes to send. */
  write(bytes: Uint8Array): Buffer {
    const text = this.#begun + this.#decoder.write(bytes);
    this.#begun = '';
    const parts: Uint8Array[] = [];
    for (let at = 0; at < text.length; ) {
      if (text[at] === ESCAPE) {
        if (BEGUN.test(text.slice(at, at + 80))) {
          this.#begun = text.slice(at);
          break;
        }
        SEQUENCE.lastIndex = at;
        const sequence = SEQUENCE.exec(text)?.[0];
        if (sequence !== undefined) {
          parts.push(this.#sequence(sequence));
          at += sequence.length;
          continue;
        }
      }
      const character = String.fromCodePoint(text.codePointAt(at)!);
      parts.push(this.#character(character));
      at += character.length;
    }
    return Buffer.concat(parts);
  }

  /** Returns the codes of the beginning of a sequence that is not continued: ESC, or Alt with a key. */
  flush(): Buffer {
    const text = this.#begun;
    this.#begun = '';
    return Buffer.concat([...text].map(character => this.#character(character)));
  }

  #sequence(sequence: string): Uint8Array {
    if (this.#sendsSequences) return Buffer.from(sequence, 'latin1');
    const code = this.#codes.get(sequence) ?? this.#codes.get(this.#usualForm(sequence));
    return code === undefined ? NOTHING : Uint8Array.of(code);
  }

  #usualForm(sequence: string): string {
    for (const [pattern, form] of FORMS) {
      const usual = sequence.replace(pattern, form);
      if (usual !== sequence && this.#codes.has(usual)) return usual;
    }
    return sequence;
  }

  #character(character: string): Uint8Array {
    const code = this.#codes.get(character);
    return code === undefined ? this.#encoder.write(character) : Uint8Array.of(code);
  }
}

const NOTHING = new Uint8Array();
