/** The formats of recordings: what is written is read, however the file is cut. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decoder } from '../../src/charset/index.ts';
import { AsciicastDecoder, AsciicastEncoder } from '../../src/recording/asciicast.ts';
import type {
  RecordingDecoder,
  RecordingEncoder,
  RecordingEvent,
  RecordingHeader,
} from '../../src/recording/recording.ts';
import { TtyrecDecoder, TtyrecEncoder } from '../../src/recording/ttyrec.ts';

const HEADER: RecordingHeader = {
  columns: 100,
  rows: 30,
  term: 'xterm-256color',
  started: new Date(1_750_000_000_000),
  command: 'nethack -u "a b"',
  title: 'a \u202e title',
  idleLimit: 1.5,
  encoding: 'ISO-8859-1',
  user: 'ada@example.org',
  address: '2001:db8::1',
};

/** A format, and what it can express. */
interface Format {
  readonly name: string;
  readonly encoder: () => RecordingEncoder;
  readonly decoder: () => RecordingDecoder;
  readonly types: ReadonlySet<RecordingEvent['type']>;
}

const FORMATS: readonly Format[] = [
  {
    name: 'asciicast v3',
    encoder: () => new AsciicastEncoder(3),
    decoder: () => new AsciicastDecoder(),
    types: new Set(['output', 'input', 'resize', 'mark', 'exit']),
  },
  {
    name: 'asciicast v2',
    encoder: () => new AsciicastEncoder(2),
    decoder: () => new AsciicastDecoder(),
    types: new Set(['output', 'input', 'resize', 'mark']),
  },
  {
    name: 'ttyrec',
    encoder: () => new TtyrecEncoder(),
    decoder: () => new TtyrecDecoder(),
    types: new Set(['output', 'resize']),
  },
];

// Half a character cannot be encoded, and ESC could form the sequence that sets a size in ttyrec.
const text = fc.string({ unit: 'grapheme', minLength: 1 }).map(value => value.replaceAll('\x1b', '^'));
const size = fc.integer({ min: 1, max: 65_535 });
const event = fc.oneof(
  fc.record({ type: fc.constantFrom('output', 'input'), data: text }),
  fc.record({ type: fc.constant('resize'), columns: size, rows: size }),
  fc.record({ type: fc.constant('mark'), label: text }),
  fc.record({ type: fc.constant('exit'), status: fc.integer({ min: -255, max: 255 }) }),
);
/** Events whose times, in whole microseconds, do not decrease. */
const events = fc.array(fc.tuple(fc.integer({ min: 0, max: 10_000_000 }), event), { maxLength: 20 }).map(parts => {
  let time = 0;
  return parts.map(([pause, what]) => {
    time += pause;
    return { time: time / 1e6, ...what } as RecordingEvent;
  });
});

function encode({ encoder }: Format, what: readonly RecordingEvent[], header = HEADER): Buffer {
  const one = encoder();
  return Buffer.concat([one.begin(header), ...what.map(item => one.event(item))]);
}

/** Decodes pieces of these lengths, again and again. */
function decode(decoder: RecordingDecoder, bytes: Uint8Array, lengths: readonly number[] = [bytes.length]) {
  const found: RecordingEvent[] = [];
  let at = 0;
  for (let turn = 0; at < bytes.length; turn++) {
    const length = Math.max(1, lengths[turn % lengths.length]!);
    found.push(...decoder.push(bytes.subarray(at, at + length)));
    at += length;
  }
  found.push(...decoder.end());
  return found;
}

/** What a reader of ttyrec sees in addition: the sequences that set the size, as output. */
function withoutSizes(found: readonly RecordingEvent[]): RecordingEvent[] {
  return found.filter(
    ({ type, ...rest }) => !(type === 'output' && /^\x1b\[8;\d+;\d+t$/.test((rest as { data: string }).data)),
  );
}

for (const format of FORMATS) {
  describe(format.name, () => {
    const isTtyrec = format.name === 'ttyrec';

    it('is read as it was written, in pieces of any length', () => {
      fc.assert(
        fc.property(
          events,
          fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
          (what, lengths) => {
            const bytes = encode(format, what);
            const decoder = format.decoder();
            const found = decode(decoder, bytes, lengths);
            assert.equal(decoder.problem, undefined);
            const expected = what.filter(({ type }) => format.types.has(type));
            if (isTtyrec) expected.unshift({ time: 0, type: 'resize', columns: HEADER.columns, rows: HEADER.rows });
            assert.deepEqual(isTtyrec ? withoutSizes(found) : found, expected);
            assert.equal(decoder.header?.columns, HEADER.columns);
            assert.equal(decoder.header.rows, HEADER.rows);
            assert.deepEqual(decoder.header.started, HEADER.started);
            if (!isTtyrec) assert.deepEqual(decoder.header, HEADER);
          },
        ),
      );
    });

    it('is read up to the last whole event, wherever it is cut', () => {
      const what: RecordingEvent[] = [
        { time: 0.5, type: 'output', data: 'Grüße 🙂\r\n' },
        { time: 1, type: 'resize', columns: 90, rows: 20 },
        { time: 2, type: 'output', data: 'second' },
      ];
      const bytes = encode(format, what);
      const whole = decode(format.decoder(), bytes);
      const first = encode(format, []).length;
      for (let length = first; length < bytes.length; length++) {
        const decoder = format.decoder();
        const found = decode(decoder, bytes.subarray(0, length));
        assert.equal(decoder.problem, undefined, `cut at ${length}`);
        assert.deepEqual(found, whole.slice(0, found.length), `cut at ${length}`);
      }
    });

    it('cannot make its reader fail, whatever the bytes', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), events, (noise, what) => {
          const decoder = format.decoder();
          const found = decode(decoder, Buffer.concat([encode(format, what), noise]), [7, 64]);
          assert.ok(found.every(({ time }) => Number.isFinite(time)));
        }),
      );
    });

    if (!isTtyrec) {
      it('has no control characters besides the line feed, so that a terminal shows it', () => {
        fc.assert(
          fc.property(events, what =>
            assert.doesNotMatch(encode(format, what).toString(), /[\x00-\x09\x0b-\x1f\x7f-\x9f]/),
          ),
        );
      });
    }
  });
}

it('asciicast escapes all characters that are invisible or reverse the direction of text', () => {
  for (let code = 0; code < 0x110000; code++) {
    if (code >= 0xd800 && code < 0xe000) continue;
    const data = String.fromCodePoint(code);
    const isUnfit = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(data);
    const json = Buffer.from(new AsciicastEncoder(2).event({ time: 0, type: 'output', data })).toString();
    if (isUnfit === json.slice(0, -1).includes(data)) assert.fail(`U+${code.toString(16)} in ${json}`);
  }
});

describe('asciicast of others', () => {
  const V3 = '{"version":3,"term":{"cols":80,"rows":24}}';
  const V2 = '{"version":2,"width":20,"height":5}';

  it('may have comments, empty lines, and events of unknown types', () => {
    const file = `${V3}\n# a comment\n\n[0.5,"o","a"]\n[1,"z","?"]\n[0.25,"o","b"]\n`;
    assert.deepEqual(decode(new AsciicastDecoder(), Buffer.from(file)), [
      { time: 0.5, type: 'output', data: 'a' },
      { time: 1.75, type: 'output', data: 'b' },
    ]);
  });

  it('may have long lines, but not with many levels of arrays, which need much memory to be parsed', () => {
    const long = 'x'.repeat(70_000);
    const output = `${'['.repeat(100)}\\\\"${'{'.repeat(100)}${long}`;
    const file = (more: string) => Buffer.from(`${V3}\n[1,"o",${JSON.stringify(output)}${more}]\n`);
    const decoder = new AsciicastDecoder();
    assert.deepEqual(decode(decoder, file(',[]')), [{ time: 1, type: 'output', data: output }]);
    assert.equal(decoder.problem, undefined);
    const deep = new AsciicastDecoder();
    assert.deepEqual(decode(deep, file(`,${'['.repeat(100)}${']'.repeat(100)}`)), []);
    assert.match(deep.problem?.problem ?? 'none', /^not an event/);
    const header = new AsciicastDecoder();
    decode(header, Buffer.from(`${V3.slice(0, -1)},"a":"${long}","b":${'['.repeat(100)}${']'.repeat(100)}}\n`));
    assert.match(header.problem?.problem ?? 'none', /^not a header/);
  });

  it('may have times that go back, which become the time of the event before', () => {
    const times = decode(new AsciicastDecoder(), Buffer.from(`${V2}\n[1,"o","a"]\n[0.9,"o","b"]\n`));
    assert.deepEqual(
      times.map(({ time }) => time),
      [1, 1],
    );
  });

  it('may have any times, which stay finite and in their order', () => {
    const lines = ['[-5,"o","a"]', '[4294967295,"o","b"]', '[4294967295,"o","c"]', '[-1e9,"o","d"]', '[1e-9,"o",""]'];
    for (const header of [V2, V3]) {
      const found = decode(new AsciicastDecoder(), Buffer.from(`${header}\n${lines.join('\n')}\n`));
      const times = found.map(({ time }) => time);
      assert.equal(times.length, lines.length);
      assert.ok(
        times.every((time, index) => Number.isFinite(time) && time >= (times[index - 1] ?? 0)),
        `${times}`,
      );
    }
  });

  it('has no beginning if its time is not one', () => {
    for (const timestamp of ['1e300', '-1', '"2026"', 'null']) {
      const decoder = new AsciicastDecoder();
      decode(decoder, Buffer.from(V2.replace('"width"', `"timestamp":${timestamp},"width"`)));
      assert.deepEqual([decoder.header?.columns, decoder.header?.started], [20, undefined], timestamp);
    }
  });

  for (const [file, problem, place] of [
    ['', /^not a header with "version": 3, 2 or 1/, '1'],
    ['{"version":1,"width":80,"height":24,"stdout":[[1,"a"]', /^an asciicast v1 that is not whole.*convert/, '1'],
    ['{\n "version": 1,\n "width": 80,', /^an asciicast v1 that is not whole/, '1'],
    ['{"version":1,"width":80,"height":24}\n', /^an asciicast v1 without "stdout"/, '1'],
    ['{"version":1,"width":80,"height":0,"stdout":[]}', /^"width" and "height"/, '1'],
    ['{"version":1,"width":8,"height":2,"stdout":[[0,"a"],[1]]}', /^event 2 of "stdout" is not/, '1'],
    ['{\n"version": 2,\n"width": 8}', /^not a header/, '1'],
    ['{\nint main(void) {}\n', /^not a header/, '1'],
    ['null', /^not a header/, '1'],
    ['{"version":2,"width":0,"height":24}', /^"width" and "height"/, '1'],
    ['{"version":3,"width":80,"height":24}', /^"cols" and "rows"/, '1'],
    [`${V2}\n[0,"o","a"]\n[0,"o"]\n[0,"o","a"]\n`, /^not an event/, '3'],
    [`${V2}\n["0","o","a"]\n\n`, /^not an event/, '2'],
  ] as const) {
    it(`has a problem with a place: ${JSON.stringify(file).slice(0, 60)}`, () => {
      const decoder = new AsciicastDecoder();
      decode(decoder, Buffer.from(file), [11]);
      assert.match(decoder.problem?.problem ?? 'none', problem);
      assert.equal(decoder.problem?.place, place);
    });
  }
});

describe('asciicast v1', () => {
  const document = {
    version: 1,
    width: 80,
    height: 24,
    duration: 2.5,
    command: '/bin/zsh',
    title: 'A title',
    env: { TERM: 'xterm', SHELL: '/bin/zsh' },
    stdout: [
      [0.25, 'é\n'],
      [1.5, '界'],
      [0.75, ''],
    ],
  };
  const files = [
    JSON.stringify(document),
    `${JSON.stringify(document)}\n`,
    JSON.stringify(document, null, 2),
    `${JSON.stringify(document, null, '\t')}\n\n`,
  ];

  it('is read as a whole, cut anywhere, on one line or on many', () => {
    for (const file of files) {
      fc.assert(
        fc.property(fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1 }), lengths => {
          const decoder = new AsciicastDecoder();
          assert.deepEqual(decode(decoder, Buffer.from(file), lengths), [
            { time: 0.25, type: 'output', data: 'é\n' },
            { time: 1.75, type: 'output', data: '界' },
            { time: 2.5, type: 'output', data: '' },
          ]);
          const { columns, rows, term, command, title } = decoder.header!;
          assert.deepEqual([columns, rows, term, command, title], [80, 24, 'xterm', '/bin/zsh', 'A title']);
        }),
        { numRuns: 30 },
      );
    }
  });

  it('has a limit of its size', () => {
    for (const end of ['\n', '']) {
      const decoder = new AsciicastDecoder();
      decoder.push(Buffer.from(`{"version":1,${end}`));
      const piece = Buffer.from(`${' '.repeat(2 ** 20)}${end}`);
      let count = 0;
      while (decoder.problem === undefined && count < 20) {
        decoder.push(piece);
        count++;
      }
      assert.equal(count, 16);
      assert.match(decoder.problem?.problem ?? '', /more than 16 MiB/);
    }
  });
});

describe('ttyrec of others', () => {
  const frame = (seconds: number, bytes: Uint8Array | string) => {
    const data = Buffer.from(bytes as string);
    const head = Buffer.alloc(12);
    head.writeUInt32LE(seconds, 0);
    head.writeUInt32LE(data.length, 8);
    return Buffer.concat([head, data]);
  };

  it('is 80x24 where it sets no size', () => {
    const ttyrec = new TtyrecDecoder();
    assert.deepEqual(decode(ttyrec, Buffer.concat([frame(100, 'a'), frame(103, 'b')])), [
      { time: 0, type: 'output', data: 'a' },
      { time: 3, type: 'output', data: 'b' },
    ]);
    assert.deepEqual([ttyrec.header?.columns, ttyrec.header?.rows], [80, 24]);
  });

  it('may be in another character set, and have characters that are cut between two frames', () => {
    assert.deepEqual(decode(new TtyrecDecoder(decoder('cp437')), frame(1, Buffer.of(0xb0, 0xdb))), [
      { time: 0, type: 'output', data: '░█' },
    ]);
    const cut = Buffer.from('é');
    const found = decode(new TtyrecDecoder(), Buffer.concat([frame(1, cut.subarray(0, 1)), frame(2, cut.subarray(1))]));
    assert.deepEqual(found, [{ time: 1, type: 'output', data: 'é' }]);
  });

  it('may have long frames, whose cost is that of as many bytes in short ones', () => {
    const cost = (frames: number, length: number) => {
      const bytes = Buffer.concat(Array.from({ length: frames }, (_, time) => frame(time, Buffer.alloc(length, 'x'))));
      const before = process.cpuUsage();
      const found = decode(new TtyrecDecoder(), bytes, [4096]);
      const { user, system } = process.cpuUsage(before);
      assert.deepEqual(
        found.map(event => event.type === 'output' && event.data.length),
        Array.from({ length: frames }, () => length),
      );
      return user + system;
    };
    const [short, long] = [cost(64, 128 * 1024), cost(1, 8 * 2 ** 20)];
    // If each piece copied what came before it, the cost would be 64 times as high.
    assert.ok(long < short * 6, `${long} us for a long frame, ${short} us for short ones`);
  });

  it('has a problem with the offset of the frame that is wrong', () => {
    const decoder = new TtyrecDecoder();
    const bad = Buffer.concat([frame(1, 'abc'), Buffer.alloc(12, 0xff), Buffer.from('x')]);
    assert.deepEqual(decode(decoder, bad, [5]), [{ time: 0, type: 'output', data: 'abc' }]);
    assert.deepEqual(decoder.problem, { problem: 'not a frame of ttyrec', place: 'byte 15' });
  });
});
