/** The queue of output in the page. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OutputQueue } from '../../web/src/terminal/output-queue.ts';

/** A terminal that displays a piece when the test says so. */
function heldTerminal() {
  const shown: string[] = [];
  let finish: (() => void) | undefined;
  const queue = new OutputQueue((bytes, done) => {
    assert.equal(finish, undefined, 'two pieces at once');
    finish = () => {
      shown.push(String(Buffer.from(bytes)));
      finish = undefined;
      done();
    };
  });
  const displayAll = () => {
    while (finish !== undefined) finish();
  };
  return { queue, shown, displayOne: () => finish!(), displayAll };
}

const text = (value: string) => Buffer.from(value);

describe('the output queue of the page', () => {
  it('keeps the order of output and callbacks, and calls these after the output before them', () => {
    const { queue, shown, displayOne, displayAll } = heldTerminal();
    queue.after(() => shown.push('<at once>'));
    queue.write(text('a'));
    queue.after(() => shown.push('<after a>'));
    queue.write(text('b'));
    assert.deepEqual(shown, ['<at once>']);
    displayOne();
    assert.deepEqual(shown, ['<at once>', 'a', '<after a>']);
    displayAll();
    assert.deepEqual(shown, ['<at once>', 'a', '<after a>', 'b']);
  });

  it('divides long output, so that keys are not delayed', () => {
    const { queue, shown, displayAll } = heldTerminal();
    queue.write(Buffer.alloc(20_000, 'x'));
    displayAll();
    assert.deepEqual(
      shown.map(piece => piece.length),
      [8_192, 8_192, 3_616],
    );
  });

  it('discards what is not displayed, ends its control sequence, and calls all callbacks', () => {
    const { queue, shown, displayAll } = heldTerminal();
    queue.write(text('first'));
    queue.write(text('second'));
    queue.after(() => shown.push('<after second>'));
    queue.write(text('third \x1b]0;tit'));
    queue.discard();
    queue.write(text('^C'));
    displayAll();
    assert.deepEqual(shown, ['first', '\x18', '<after second>', '^C']);
    queue.discard();
    queue.write(text('prompt'));
    displayAll();
    assert.deepEqual(shown.slice(4), ['prompt']);
  });
});
