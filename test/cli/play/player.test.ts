/** When the player shows what, and what its keys do. Its clock is simulated: a wait takes no time. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Clock, systemClock } from '../../../src/recording/player/clock.ts';
import type { Frame } from '../../../src/recording/player/frame.ts';
import type { Key } from '../../../src/recording/player/key.ts';
import { clockTime, Player, type PlayerOptions, type View } from '../../../src/recording/player/player.ts';
import { openRecording } from '../../../src/recording/recording-file.ts';
import { loadScreens } from '../../../src/screen/xterm.ts';

let directory: string;
before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'telpty-player-'));
  await loadScreens();
});
after(() => rmSync(directory, { recursive: true }));

/** Time passes only while the player waits. Keys are pressed at their times, in milliseconds. */
class SimulatedClock implements Clock {
  #now = 0;
  readonly #keys: (readonly [at: number, press: () => void])[];
  isReady: () => boolean = () => true;

  constructor(keys: readonly (readonly [at: number, press: () => void])[]) {
    this.#keys = [...keys];
  }

  now(): number {
    return this.#now;
  }

  async wait(ms: number, signal: AbortSignal): Promise<void> {
    // Reading the file ahead takes no time here.
    while (!this.isReady()) await nextTurn();
    if (signal.aborted) return;
    const [key] = this.#keys;
    if (key !== undefined && key[0] <= this.#now + ms) {
      this.#keys.shift();
      this.#now = Math.max(this.#now, key[0]);
      key[1]();
    } else if (ms === Number.POSITIVE_INFINITY) throw new Error('the player waits without an end');
    else this.#now += ms;
  }
}

interface Shown {
  readonly at: number;
  readonly text: string;
  /** The last row. */
  readonly status: string;
}

const rowText = ({ rows }: Frame, index: number) => rows.at(index)!.texts.join('').trimEnd();

async function play(
  lines: readonly unknown[],
  keys: readonly (readonly [at: number, key: Key | string])[] = [],
  options: Partial<PlayerOptions> & { columns?: number; rows?: number } = {},
) {
  const file = join(directory, 'a.cast');
  writeFileSync(file, `{"version":2,"width":20,"height":3}\n${lines.map(line => JSON.stringify(line)).join('\n')}\n`);
  const recording = await openRecording(file);
  const shown: Shown[] = [];
  const size = { columns: options.columns ?? 60, rows: options.rows ?? 4 };
  let player: Player;
  const clock = new SimulatedClock(
    keys.map(([at, key]) => [
      at,
      () => player.handleKey(typeof key === 'string' && key.length === 1 ? { character: key } : (key as Key)),
    ]),
  );
  const view: View = {
    size,
    depth: 256,
    isReady: true,
    paint: frame =>
      shown.push({
        at: Math.round(clock.now()),
        text: frame.rows.map((_, index) => rowText(frame, index)).join('\n'),
        status: rowText(frame, -1),
      }),
  };
  player = new Player(recording, view, clock, { speed: 1, idleLimit: 0, loops: false, at: 0, ...options });
  clock.isReady = () => player.duration !== undefined;
  const outcome = await player.run().catch((error: Error) => error);
  /** When a text was shown for the first time. */
  const when = (text: string) => shown.find(frame => frame.text.includes(text))?.at;
  return { outcome, shown, when, end: Math.round(clock.now()), last: player.lastFrame };
}

/** A key has just shown the status line, and frames have a distance. */
function assertAtOnce(at: number | undefined, expected: number): void {
  assert.ok(at !== undefined && at >= expected && at <= expected + 25, `${at} is not shortly after ${expected}`);
}

const ABC = [
  [1, 'o', 'A'],
  [2, 'o', 'B'],
  [10, 'o', 'C'],
];

describe('the player', () => {
  it('shows each event at its time, and ends with the last screen', async () => {
    const { outcome, when, last, end } = await play(ABC);
    assert.deepEqual([outcome, when('A'), when('AB'), end], ['end', 1000, 2000, 10_000]);
    assert.equal(rowText(last!, 0), 'ABC');
  });

  it('plays N times as fast', async () => {
    const { when, end } = await play(ABC, [], { speed: 4 });
    assert.deepEqual([when('A'), when('AB'), end], [250, 500, 2500]);
  });

  it('shortens pauses to the limit', async () => {
    const { when, end } = await play(ABC, [], { idleLimit: 1.5 });
    assert.deepEqual([when('A'), when('AB'), end], [1000, 2000, 3500]);
  });

  it('begins at the given time', async () => {
    const { when, end } = await play(ABC, [], { at: 1.5 });
    assert.deepEqual([when('AB'), end], [500, 8500]);
  });

  it('pauses with space, and goes on with the rest of the interval', async () => {
    const { when, shown } = await play(ABC, [
      [1500, ' '],
      [7500, ' '],
    ]);
    assert.equal(when('AB'), 8000);
    assert.ok(shown.some(({ status }) => status.includes('paused  0:01 / 0:10')));
  });

  it('goes on by one event with a period', async () => {
    const { when, shown } = await play(ABC, [
      [100, '.'],
      [200, '.'],
      [5000, 'q'],
    ]);
    assertAtOnce(when('A'), 100);
    assertAtOnce(when('AB'), 200);
    assert.equal(when('ABC'), undefined);
    assert.ok(shown.at(-1)?.status.includes('paused  0:02'));
  });

  it('doubles and halves the speed', async () => {
    const { when, end } = await play(ABC, [
      [0, '+'],
      [1000, '-'],
      [1000, '-'],
    ]);
    assertAtOnce(when('A'), 500);
    assertAtOnce(when('AB'), 1000);
    assert.equal(end, 1000 + 16_000);
  });

  it('jumps with the cursor keys, digits, Home and End', async () => {
    const long = Array.from({ length: 101 }, (_, index) => [index, 'o', `\r${index};`]);
    const { shown } = await play(long, [
      [10, ' '],
      [20, '5'],
      [3000, 'right'],
      [6000, 'left'],
      [6010, 'left'],
      [9000, 'end'],
      [12_000, 'home'],
      [15_000, 'q'],
    ]);
    const at = (time: number) =>
      shown
        .findLast(frame => frame.at <= time)!
        .text.split(';')[0]!
        .trim();
    assert.deepEqual([2500, 5500, 8500, 11_500, 14_500].map(at), ['50', '55', '45', '100', '0']);
  });

  it('jumps to marks, and by 10 s where there is none', async () => {
    const events = [
      [0, 'o', '0'],
      [20, 'm', 'chapter'],
      [20, 'o', '\r20'],
      [31, 'o', '\r31'],
      [60, 'o', '\r60'],
    ];
    const { shown } = await play(events, [
      [10, ' '],
      [20, ']'],
      [3000, ']'],
      [6000, ']'],
      [9000, '['],
      [12_000, '['],
      [15_000, 'q'],
    ]);
    const at = (time: number) => shown.findLast(frame => frame.at <= time)!;
    assert.match(at(2500).status, /0:20 \/ 1:00 {2}\[chapter\]/);
    assert.deepEqual(
      [2500, 5500, 8500, 11_500, 14_500].map(time => at(time).status.match(/\d+:\d\d/)?.[0]),
      ['0:20', '0:30', '0:40', '0:20', '0:10'],
    );
    assert.ok(at(8500).text.startsWith('31'));
  });

  it('begins again with loop, until it is ended', async () => {
    const { outcome, shown } = await play(ABC, [[30_000, 'q']], { loops: true });
    assert.equal(outcome, 'quit');
    const begins = shown.filter(({ text }, index) => /^A\s/.test(text) && !/^A\s/.test(shown[index - 1]?.text ?? ''));
    assert.deepEqual(
      begins.map(({ at }) => at),
      [1000, 13_000, 25_000],
    );
  });

  it('plays up to the place where a file is broken, then gives the place', async () => {
    const { outcome, when, last } = await play([...ABC.slice(0, 2), 'nonsense']);
    assert.equal(when('A'), 1000);
    assert.equal((outcome as Error).message, 'a.cast:4: not an event [seconds, type, data]');
    assert.equal(rowText(last!, 0), 'AB');
  });

  it('stays before the place where a file is broken after a jump beyond it', async () => {
    const { shown, outcome } = await play(
      [...ABC.slice(0, 2), 'nonsense'],
      [
        [10, ' '],
        [20, '9'],
        [1000, 'end'],
        [5000, 'q'],
      ],
    );
    assert.equal(outcome, 'quit');
    assert.match(shown.at(-1)!.text, /^AB\n.*paused {2}0:02 \/ 0:02/s);
  });

  it('follows the cursor in a smaller window, and says so', async () => {
    const events = [
      [0, 'o', '0123456789abcdefghi\r\nsecond\r\nthird'],
      [5, 'o', '\x1b[1;19H'],
      [10, 'o', '\x1b[3;1H'],
      [15, 'o', '!'],
    ];
    const { shown } = await play(events, [], { columns: 10, rows: 2 });
    const at = (time: number) => shown.findLast(frame => frame.at <= time)!.text;
    assert.match(shown[0]!.status, /^ playing/);
    assert.equal(at(4900), 'second\nthird');
    assert.equal(at(9900), 'abcdefghi\n');
    assert.equal(at(14_900), 'second\nthird');
  });

  it('follows changes of size, with the screen at the top left of a larger window', async () => {
    const { shown } = await play(
      [
        [0, 'o', 'first'],
        [1, 'r', '30x6'],
        [2, 'o', '\x1b[4;28Hxyz'],
        [9, 'o', ''],
      ],
      [],
      { columns: 40, rows: 8 },
    );
    assert.equal(shown.at(-1)!.text, `first\n\n\n${' '.repeat(27)}xyz\n\n\n\n`);
  });
});

it('keys are handled during many changes of size', async () => {
  let turns = 0;
  let timer = setImmediate(function turn() {
    turns++;
    timer = setImmediate(turn);
  });
  const sizes = Array.from({ length: 4000 }, (_, index) => [0, 'r', `${20 + (index % 2)}x3`]);
  try {
    assert.equal((await play(sizes)).outcome, 'end');
  } finally {
    clearImmediate(timer);
  }
  // Reading ahead takes some, too.
  assert.ok(turns > 800, `${turns} turns`);
});

it('a wait of the longest time of a recording does not end at once', async t => {
  const set = t.mock.method(globalThis, 'setTimeout');
  const stop = new AbortController();
  const waits = [2 ** 32 * 1000, Number.POSITIVE_INFINITY].map(ms => systemClock.wait(ms, stop.signal));
  stop.abort();
  await Promise.all(waits);
  assert.deepEqual(
    set.mock.calls.map(({ arguments: [, ms] }) => ms),
    [2 ** 31 - 1, 2 ** 31 - 1],
  );
});

it('times are written as minutes or hours', () => {
  assert.deepEqual([0, 61.9, 3723].map(clockTime), ['0:00', '1:01', '1:02:03']);
});
