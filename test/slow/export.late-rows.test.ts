import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { topicOf } from '../../core/stream-name.ts';
import { createReport } from '../../operations/reconcile/report.ts';
import { ReconcileProgress } from '../../operations/reconcile/reconcile-progress.ts';
import { runCommand } from '../helpers/command.ts';
import { define, duckRows, exportFolder, exportTo } from '../helpers/exported.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { plansTable } from '../helpers/plans-table.ts';
import { createSettings, environmentOf, noSignal } from '../helpers/settings.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';

test('changes since the last export include rows that a redrive or repair adds at old offsets', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  const producer = await createProducer(t, settings);
  const send = async (...numbers: readonly number[]) => {
    const records = numbers.map((number) => ({ uuid: `pl_${number}`, interval_count: number }));
    const messages = await messagesOf(settings, 'plans', records);
    await producer.send({
      topic: topicOf(settings.topicPrefix, 'plans'),
      messages: messages.map((message) => ({ ...message, partition: 0 })),
    });
    await sinkStreams(settings, 'plans');
  };
  const table = plansTable(settings);
  const folder = exportFolder(t);
  const exported = async (to: string) => {
    const { manifest } = await exportTo(settings, to, { streams: ['plans'], since: 'last' });
    return manifest;
  };
  /** Exports changes, and returns the plans in them. */
  const changes = async () => {
    const { id, since, views } = await exported(`parquet:${folder}`);
    const file = join(folder, ...(since === null ? [] : ['changes', id]), 'plans.parquet');
    if (views.length === 0) return [];
    const rows = await duckRows(`SELECT interval_count AS n FROM read_parquet('${file}') ORDER BY n`);
    return rows.map(({ n }) => Number(n));
  };
  const duck = join(exportFolder(t), 'plans.duckdb');
  const merged = async () => {
    await exported(`duckdb:${duck}`);
    const rows = await duckRows('SELECT interval_count AS n FROM chartmogul.plans ORDER BY n', duck);
    return rows.map(({ n }) => Number(n));
  };

  await send(1);
  await define(settings, `ALTER TABLE ${table} ADD CONSTRAINT small CHECK interval_count < 10 OR _deleted`);
  await send(11, 2, 3);
  await define(settings, `ALTER TABLE ${table} DROP CONSTRAINT small`);
  await define(settings, `DELETE FROM ${table} WHERE interval_count = 2`);
  assert.deepEqual(await changes(), [1, 3]);
  assert.deepEqual(await merged(), [1, 3]);
  assert.deepEqual(await changes(), []);

  const redriven = await runCommand(
    t,
    'commands/dead-letters.ts',
    ['redrive', '--all'],
    environmentOf(settings),
  );
  assert.match(redriven.stdout, /^1 redriven/m, redriven.stderr);
  assert.deepEqual(await changes(), [1, 3, 11]);
  assert.deepEqual(await merged(), [1, 3, 11]);
  assert.deepEqual(await changes(), []);

  const options = {
    streams: ['plans'],
    isRepair: true,
    comparesSource: false,
    allowed: { deadLetters: false },
  };
  await createReport(settings, options, noSignal, new ReconcileProgress());
  assert.deepEqual(await changes(), [1, 2, 3, 11]);
  assert.deepEqual(await merged(), [1, 2, 3, 11]);

  // After further messages, an export again contains only the changes.
  await send(4);
  assert.deepEqual(await changes(), [4]);
});
