import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Peer, Row } from './rows.ts';
import { committedPart, type Result, renderTable, replacePart, resultKey } from './table.ts';

/** Clients are small and mostly wait for each other: more at a time than a machine has processors. */
const AT_A_TIME = 4;
const TIMEOUT = 60_000;

/**
 * Declares the tests of one half of the matrix, one a cell, and a last one that compares docs/interop.md with what came of
 * them, or, with TELPTY_INTEROP_TABLE=write in the environment, puts it there.
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

  test(`${half}: docs/interop.md says what came of it`, () => {
    const table = renderTable(peers, results);
    if (process.env.TELPTY_INTEROP_TABLE === 'write') replacePart(half, table);
    // Not `equal`, which would print both.
    assert.ok(committedPart(half) === table, 'docs/interop.md is not what came of the tests: npm run interop:table');
  });
}
