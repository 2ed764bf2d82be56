import assert from 'node:assert/strict';
import { createClickHouse, qualified } from '../../core/clickhouse/client.ts';
import type { Settings } from '../../core/settings/config.ts';
import { createTopics, messagesOf } from './topic.ts';
import { sinkStreams } from './pipeline.ts';
import { rowsOf } from './table-rows.ts';

export async function command({ clickhouse }: Settings, ...queries: string[]): Promise<void> {
  const client = createClickHouse(clickhouse);
  for (const query of queries) await client.command({ query });
  await client.close();
}

/** Returns the qualified name of the table of plans. */
export const plansTable = ({ clickhouse }: Settings) => qualified(clickhouse.database, 'plans_raw');

/** Creates the table of plans and stops its merges, so that duplicate rows remain. */
export async function createUnmergedPlans(settings: Settings): Promise<void> {
  await createTopics(settings, 'plans');
  await messagesOf(settings, 'plans', []);
  await sinkStreams(settings, 'plans');
  await command(settings, `SYSTEM STOP MERGES ${plansTable(settings)}`);
}

/** Asserts that each message from {@link createLoad} is in the table exactly once and unchanged. */
export async function assertEachOnce(settings: Settings, sent: number): Promise<void> {
  const [row] = await rowsOf(
    settings,
    `SELECT count() AS stored, uniqExact(_partition, _offset) AS places, uniqExact(uuid) AS keys,
            countIf(uuid != concat('pl_', toString(interval_count))) AS wrong, sum(interval_count) AS total FROM plans_raw`,
  );
  const total = (sent * (sent - 1)) / 2;
  assert.deepEqual(row, { stored: sent, places: sent, keys: sent, wrong: 0, total });
}
