import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { replay, type ReplayOptions } from '../../operations/replay/replay.ts';
import type { ReplayCounts } from '../../operations/replay/replay-counts.ts';
import { createClickHouse, qualified } from '../../core/clickhouse/client.ts';
import type { Settings } from '../../core/settings/config.ts';
import { noSignal } from './settings.ts';
import { rowsOf } from './table-rows.ts';

const ASK_MS = 10;

/** Replays plans and returns the counts. @throws the failure of the stream. */
export async function replayPlans(
  settings: Settings,
  options: Partial<ReplayOptions> = {},
): Promise<ReplayCounts> {
  const [counts] = await replay(settings, { streams: ['plans'], from: undefined, ...options }, noSignal);
  assert.ok(counts);
  if (counts.failure !== undefined) throw counts.failure;
  return counts;
}

/** Returns the tables and views whose names contain `shadow`. */
export async function shadowTables(settings: Settings): Promise<string[]> {
  const rows = await rowsOf(
    settings,
    `SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE '%shadow%'`,
  );
  return rows.map(({ name }) => String(name));
}

export async function identityOfPlans(settings: Settings): Promise<unknown> {
  const [row] = await rowsOf(
    settings,
    `SELECT uuid FROM system.tables WHERE database = currentDatabase() AND name = 'plans_raw'`,
  );
  return row?.['uuid'];
}

/** The row counts that a reader of the view has seen. */
export interface Reader {
  /** The minimum and the maximum number of rows. */
  readonly fewest: number;
  readonly most: number;
  readonly reads: number;
  /** @throws the error of a read. */
  stop(): Promise<void>;
}

/**
 * Repeatedly counts the rows in the view of plans. It also stops merges in new shadow tables, so
 * that no duplicate disappears.
 */
export function startReader(t: TestContext, settings: Settings): Reader {
  const client = createClickHouse(settings.clickhouse);
  const reader = { fewest: Infinity, most: 0, reads: 0, stop };
  const unmerged = new Set<string>();
  let isStopped = false;
  let failure: unknown;
  const reading = read().catch((error: unknown) => {
    failure = error;
  });
  async function read() {
    while (!isStopped) {
      for (const table of await shadowTables(settings)) {
        if (unmerged.has(table)) continue;
        unmerged.add(table);
        const query = `SYSTEM STOP MERGES ${qualified(settings.clickhouse.database, table)}`;
        // The table may have been renamed or dropped in the meantime.
        await client.command({ query }).catch(() => {});
      }
      const [row] = await rowsOf(settings, 'SELECT count() AS n FROM plans');
      const count = Number(row?.['n']);
      reader.fewest = Math.min(reader.fewest, count);
      reader.most = Math.max(reader.most, count);
      reader.reads++;
      await delay(ASK_MS);
    }
  }
  async function stop() {
    isStopped = true;
    await reading;
    await client.close();
    if (failure !== undefined) throw failure as Error;
  }
  t.after(() => {
    isStopped = true;
  });
  return reader;
}
