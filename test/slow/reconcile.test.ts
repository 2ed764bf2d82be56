import assert from 'node:assert/strict';
import test from 'node:test';
import { qualified } from '../../core/clickhouse/client.ts';
import { topicOf } from '../../core/stream-name.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { command } from '../helpers/plans-table.ts';
import { assertReconciled, comparisonOf } from '../helpers/reconciled.ts';
import { createSettings } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';

const viewFaults: readonly (readonly [view: string, change: string, problem: RegExp])[] = [
  ['invoices', "SELECT * REPLACE (concat(uuid, 'x') AS uuid) FROM {old}", /shows different values/],
  ['line_items', 'SELECT 1 AS x', /different columns/],
  ['transactions', 'SELECT * FROM {old} LIMIT 1', /shows 1 row; its storage table has 2/],
];

test('reconcile reports replaced and dropped views, and a repair recreates them', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'invoices');
  const producer = await createProducer(t, settings);
  const record = {
    uuid: 'inv_1',
    line_items: [{ uuid: 'li_1' }],
    transactions: [{ uuid: 'tr_1' }, { uuid: 'tr_2' }],
  };
  await producer.send({
    topic: topicOf(settings.topicPrefix, 'invoices'),
    messages: await messagesOf(settings, 'invoices', [record]),
  });
  await sinkStreams(settings, 'invoices');
  await assertReconciled(settings, ['invoices']);
  const { database } = settings.clickhouse;
  for (const [view, change] of viewFaults) {
    const [old] = await rowsOf(
      settings,
      `SELECT as_select AS query FROM system.tables WHERE database = currentDatabase() AND name = '${view}'`,
    );
    const query = change.replace('{db}', database).replace('{old}', `(${String(old?.['query'])})`);
    const name = qualified(database, view);
    await command(
      settings,
      query === '' ? `DROP VIEW ${name}` : `CREATE OR REPLACE VIEW ${name} AS ${query}`,
    );
  }
  const { views } = await comparisonOf(settings, 'invoices');
  assert.deepEqual(
    views.map(({ view }) => view),
    ['invoices', 'line_items', 'invoice_line_items', 'transactions'],
  );
  for (const [name, , problem] of viewFaults)
    assert.match(views.find(({ view }) => view === name)?.problem ?? '', problem);
  await comparisonOf(settings, 'invoices', { isRepair: true });
  await assertReconciled(settings, ['invoices']);
  await command(settings, `DROP VIEW ${qualified(database, 'line_items')}`);
  const dropped = await comparisonOf(settings, 'invoices');
  assert.deepEqual(dropped.views[1], { view: 'line_items', problem: 'is missing' });
  const { views: repaired } = await comparisonOf(settings, 'invoices', { isRepair: true });
  assert.ok(repaired.every(({ problem }) => problem === undefined));
});
