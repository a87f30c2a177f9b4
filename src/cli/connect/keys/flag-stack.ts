/** The flags of kitty's keyboard protocol. Each screen of a terminal has a stack of them. */

/**
 * How many entries are stored; of the entries below them only the number, up to the maximum of any terminal
 * (alacritty: 4,096).
 */
const KNOWN = 64;
const MOST = 9_999;
const ALL_FLAGS = 31;

export class FlagStack {
  /** The flags while the stack is empty. */
  #base = 0;
  #entries: number[] = [];
  /** The number of entries that were pushed below the stored ones. */
  #below = 0;

  /** The current flags. An entry that is no longer stored counts as one with all flags. */
  get flags(): number {
    return this.#entries.at(-1) ?? (this.#below > 0 ? ALL_FLAGS : this.#base);
  }

  get #depth(): number {
    return this.#entries.length + this.#below;
  }

  clone(): FlagStack {
    const copy = new FlagStack();
    copy.#base = this.#base;
    copy.#entries = this.#entries.slice();
    copy.#below = this.#below;
    return copy;
  }

  push(flags: number): void {
    this.#entries.push(flags);
    if (this.#entries.length <= KNOWN) return;
    this.#entries.shift();
    this.#below = Math.min(this.#below + 1, MOST);
  }

  /** Popping more entries than there are resets the flags. */
  pop(count: number): void {
    if (count > this.#depth) this.#base = 0;
    const below = Math.max(count - this.#entries.length, 0);
    this.#entries.length = Math.max(this.#entries.length - count, 0);
    this.#below = Math.max(this.#below - below, 0);
  }

  /** @param how 2: adds these flags, 3: removes them, any other: replaces all flags. */
  set(flags: number, how: number): void {
    const next = how === 2 ? this.flags | flags : how === 3 ? this.flags & ~flags : flags;
    if (this.#entries.length > 0) this.#entries[this.#entries.length - 1] = next;
    else this.#base = next;
  }

  /** The control functions that turn this stack into the target. */
  leadTo(target: FlagStack): string {
    const [from, to] = [this.#entries, target.#entries];
    const hasSameRoot = this.#base === target.#base && this.#below === target.#below;
    let common = 0;
    while (hasSameRoot && common < from.length && common < to.length && from[common] === to[common]) common++;
    const popped = hasSameRoot ? from.length - common : this.#depth;
    let text = popped > 0 ? `\x1b[<${popped}u` : '';
    if (this.#base !== target.#base) text += `\x1b[=${target.#base};1u`;
    for (const flags of to.slice(common)) text += `\x1b[>${flags}u`;
    return text;
  }
}
