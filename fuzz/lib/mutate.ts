/** Makes new inputs from existing ones. */
import type { Random } from './random.ts';

/** Octets with a meaning: plain random ones hardly ever make a command. */
const TELLING = [255, 250, 240, 253, 251, 254, 252, 242, 244, 246, 245, 249, 0, 1, 2, 3, 10, 13, 27, 127, 128, 254];
const MOST_CHANGES = 6;

type Change = (input: Uint8Array, random: Random, others: readonly Uint8Array[]) => Uint8Array;

const insert = (input: Uint8Array, at: number, more: Uint8Array | readonly number[]) =>
  Uint8Array.from([...input.subarray(0, at), ...more, ...input.subarray(at)]);

/** A range that is usually short, and sometimes of any length. */
function range(input: Uint8Array, random: Random): [from: number, to: number] {
  const from = random.below(input.length + 1);
  const most = random.below(4) === 0 ? input.length - from : Math.min(8, input.length - from);
  return [from, from + random.below(most + 1)];
}

const CHANGES: readonly Change[] = [
  function flipBit(input, random) {
    const copy = input.slice();
    if (copy.length > 0) copy[random.below(copy.length)]! ^= 1 << random.below(8);
    return copy;
  },
  function setOctet(input, random) {
    const copy = input.slice();
    if (copy.length > 0) copy[random.below(copy.length)] = random.below(2) ? random.of(TELLING) : random.below(256);
    return copy;
  },
  function insertOctets(input, random) {
    const more = Array.from({ length: 1 + random.below(4) }, () =>
      random.below(2) ? random.of(TELLING) : random.below(256),
    );
    return insert(input, random.below(input.length + 1), more);
  },
  function remove(input, random) {
    const [from, to] = range(input, random);
    return Uint8Array.from([...input.subarray(0, from), ...input.subarray(to)]);
  },
  function repeat(input, random) {
    const [from, to] = range(input, random);
    const part = [...input.subarray(from, to)];
    return insert(input, to, Array.from({ length: 1 + random.below(8) }, () => part).flat());
  },
  function move(input, random) {
    const [from, to] = range(input, random);
    const rest = Uint8Array.from([...input.subarray(0, from), ...input.subarray(to)]);
    return insert(rest, random.below(rest.length + 1), input.subarray(from, to));
  },
  function takeFromOther(input, random, others) {
    const other = random.of(others);
    const [from, to] = range(other, random);
    return insert(input, random.below(input.length + 1), other.subarray(from, to));
  },
  function crossOver(input, random, others) {
    const other = random.of(others);
    const [ours, theirs] = [random.below(input.length + 1), random.below(other.length + 1)];
    return Uint8Array.from([...input.subarray(0, ours), ...other.subarray(theirs)]);
  },
];

/** @param longest is where the new input is cut, in bytes. */
export function mutate(input: Uint8Array, others: readonly Uint8Array[], random: Random, longest: number): Uint8Array {
  let result = input;
  for (let changes = 1 + random.below(MOST_CHANGES); changes > 0; changes--)
    result = random.of(CHANGES)(result, random, others).subarray(0, longest);
  return result.slice();
}

/** Makes an input smaller while `fails` says that it still fails in the same way. */
export async function minimize(
  input: Uint8Array,
  fails: (smaller: Uint8Array) => Promise<boolean>,
): Promise<Uint8Array> {
  let smallest = input;
  for (let size = Math.max(1, input.length >> 1); ; size = Math.max(1, size >> 1)) {
    for (let at = 0; at < smallest.length; ) {
      const without = Uint8Array.from([...smallest.subarray(0, at), ...smallest.subarray(at + size)]);
      if (await fails(without)) smallest = without;
      else at += size;
    }
    if (size === 1) return smallest;
  }
}
