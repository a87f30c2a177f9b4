/** The thread that checks passwords. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import bcrypt from 'bcryptjs';
import { PasswordVerifier } from '../../src/web/login/verifier.ts';

const HASH = bcrypt.hashSync('secret', 4);

describe('the check of a password', { timeout: 600_000 }, () => {
  it('never gets the result of another one that was given up', async () => {
    const verifier = new PasswordVerifier();
    assert.equal(await verifier.verify('secret', HASH), true);
    const first = verifier.verify('secret', HASH);
    // This thread sleeps, so the answer waits in its queue.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
    verifier.close();
    const second = verifier.verify('wrong', HASH);
    await assert.rejects(first, /closed/);
    assert.equal(await second, false);
    verifier.close();
  });
});
