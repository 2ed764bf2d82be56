import type { TestContext } from 'node:test';
import { qualified } from '../../core/clickhouse/client.ts';
import type { Settings } from '../../core/settings/config.ts';
import { topicOf } from '../../core/stream-name.ts';
import { sinkStreams } from './pipeline.ts';
import { command, plansTable } from './plans-table.ts';
import { createSettings } from './settings.ts';
import { rowsOf } from './table-rows.ts';
import { createProducer, createTopics, messagesOf } from './topic.ts';

export type Plan = readonly [uuid: string, name: string];

/** Sends each batch of plans in one request, and then sinks all plans. */
export async function createPlans(t: TestContext, ...batches: (readonly Plan[])[]): Promise<Settings> {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  for (const batch of batches) await sendPlans(t, settings, batch);
  await sinkStreams(settings, 'plans');
  return settings;
}

export async function sendPlans(t: TestContext, settings: Settings, plans: readonly Plan[]): Promise<void> {
  const producer = await createProducer(t, settings);
  const records = plans.map(([uuid, name]) => ({ uuid, name }));
  await producer.send({
    topic: topicOf(settings.topicPrefix, 'plans'),
    messages: await messagesOf(settings, 'plans', records),
  });
}

export async function namesOf(settings: Settings): Promise<Record<string, unknown>> {
  const rows = await rowsOf(settings, 'SELECT uuid, name FROM plans ORDER BY uuid');
  return Object.fromEntries(rows.map(({ uuid, name }) => [String(uuid), name]));
}

/** Replaces the table of plans with an empty table that has a different sorting key. */
export async function sortOtherwise(settings: Settings): Promise<void> {
  const table = plansTable(settings);
  const other = qualified(settings.clickhouse.database, 'other');
  await command(
    settings,
    `CREATE TABLE ${other} AS ${table} ENGINE = ReplacingMergeTree(_version, _deleted) ORDER BY (uuid, _offset)`,
    `DROP TABLE ${table} SYNC`,
    `RENAME TABLE ${other} TO ${table}`,
  );
}
