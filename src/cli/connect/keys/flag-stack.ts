/** The flags of the keyboard protocol of kitty, of which each of a terminal's screens has a stack. */

/** How many entries are known; of those below only how many there are, up to what any terminal keeps (alacritty: 4,096). */
const KNOWN = 64;
const MOST = 9_999;
const ALL_FLAGS = 31;

export class FlagStack {
  /** What is in force where nothing was pushed. */
  #base = 0;
  #entries: number[] = [];
  /** How many entries were pushed below those. */
  #below = 0;

  /** What is in force. An entry that is not known any more counts as one of all flags. */
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

  /** To pop more than there is resets the flags. */
  pop(count: number): void {
    if (count > this.#depth) this.#base = 0;
    const below = Math.max(count - this.#entries.length, 0);
    this.#entries.length = Math.max(this.#entries.length - count, 0);
    this.#below = Math.max(this.#below - below, 0);
  }

  /** @param how 2: sets those flags as well, 3: resets them, else sets no others. */
  set(flags: number, how: number): void {
    const next = how === 2 ? this.flags | flags : how === 3 ? this.flags & ~flags : flags;
    if (this.#entries.length > 0) this.#entries[this.#entries.length - 1] = next;
    else this.#base = next;
  }

  /** The control functions that make another stack of this one. */
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
