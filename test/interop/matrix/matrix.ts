import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PATIENCE_MS } from '../../support/patience.ts';
import type { Peer, Row } from './rows.ts';
import { committedPart, type Result, renderTable, replacePart, resultKey } from './table.ts';

/** Clients are small and mostly idle: more at a time than a machine has processors. */
const AT_A_TIME = 4;
/** A wait that fails ends sooner, and says what it waited for. */
const TIMEOUT = 2 * PATIENCE_MS;

/**
 * Declares the tests of one half of the matrix, one per cell. A last test compares docs/interop.md with the results, or
 * writes them there if TELPTY_INTEROP_TABLE=write is in the environment.
 */
export function testMatrix(half: string, peers: readonly Peer[]): void {
  const results = new Map<string, Result>();
  describe(half, { concurrency: AT_A_TIME }, () => {
    for (const peer of peers) {
      for (const [row, cell] of Object.entries(peer.cells)) {
        if (cell.kind === 'n/a' || cell.check === undefined) continue;
        const { check } = cell;
        const title = cell.kind === 'yes' ? `${peer.name}: ${row}` : `${peer.name}: ${row} (not: ${cell.note})`;
        test(title, { timeout: TIMEOUT }, async () => {
          const key = resultKey(peer, row as Row);
          results.set(key, 'failed');
          await check();
          results.set(key, 'passed');
        });
      }
    }
  });

  test(`${half}: docs/interop.md has the results`, () => {
    const table = renderTable(peers, results);
    if (process.env.TELPTY_INTEROP_TABLE === 'write') replacePart(half, table);
    // Not `equal`, which would print both.
    assert.ok(committedPart(half) === table, 'docs/interop.md differs from the results; run npm run interop:table');
  });
}
