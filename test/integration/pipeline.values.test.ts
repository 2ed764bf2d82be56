import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import type { JsonObject } from '../../core/json.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { createSettings } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { assertSameRows } from '../helpers/same-rows.ts';

test('every record of every stream is in ClickHouse with every value', async (t) => {
  const { simulator, baseUrl } = await createSimulatorServer(t, { customers: 400, seed: 7 });
  const settings = createSettings(t, baseUrl);
  const produced = await produceStreams(settings);
  const sunk = await sinkStreams(settings);
  assert.deepEqual([...produced, ...sunk].map(({ failure }) => failure).filter(Boolean), []);

  for (const name of simulator.streams) {
    await t.test(name, async () => {
      const records = [...simulator.truth(name)] as JsonObject[];
      assert.ok(records.length > 0);
      // Metrics are requested from long before the account's first day up to the day of the test,
      // so the table has more rows than the expected data.
      const isPart = name.startsWith('metrics_');
      const rows = await rowsOf(settings, `SELECT * FROM ${name}`);
      assertSameRows(rows, records, readStreamSchema(name).primaryKey, { isPart });
    });
  }
  await t.test('the runs view shows the outcome and counts of every stream', async () => {
    const runs = await rowsOf(settings, 'SELECT stream, outcome, records, new, messages FROM runs');
    const wanted = produced.map(({ stream, isAbsent, records, new: isNew, messages }) => {
      return { stream, outcome: isAbsent ? 'absent' : 'done', records, new: isNew, messages };
    });
    const inOrder = (rows: readonly JsonObject[]) => rows.map((row) => JSON.stringify(row)).sort();
    assert.deepEqual(inOrder(runs), inOrder(wanted));
  });
});

test('the derived views show all records and items of their streams', async (t) => {
  const { simulator, baseUrl } = await createSimulatorServer(t, { customers: 60, seed: 3 });
  const settings = createSettings(t, baseUrl);
  const names = ['invoices', 'data_sources', 'customer_subscriptions'];
  await produceStreams(settings, ...names);
  await sinkStreams(settings, ...names);
  const invoices = [...simulator.truth('invoices')] as JsonObject[];
  for (const [view, items] of [
    ['line_items', 'line_items'],
    ['invoice_line_items', 'line_items'],
    ['transactions', 'transactions'],
  ] as const) {
    const wanted = invoices
      .flatMap((invoice) =>
        (invoice[items] as JsonObject[]).map((item) => `${String(invoice['uuid'])} ${String(item['uuid'])}`),
      )
      .sort();
    const rows = await rowsOf(settings, `SELECT invoice_uuid, uuid FROM ${view}`);
    assert.deepEqual(
      rows.map(({ invoice_uuid: invoice, uuid }) => `${String(invoice)} ${String(uuid)}`).sort(),
      wanted,
    );
    const ofItem = `SELECT * EXCEPT (invoice_uuid, customer_uuid, currency, invoice_date) FROM ${view}`;
    const records = invoices.flatMap((invoice) => invoice[items] as JsonObject[]);
    assertSameRows(await rowsOf(settings, ofItem), records, ['uuid']);
  }
  const sources = await rowsOf(settings, 'SELECT uuid FROM sources ORDER BY uuid');
  assert.deepEqual(sources, await rowsOf(settings, 'SELECT uuid FROM data_sources ORDER BY uuid'));
  const subscriptions = await rowsOf(settings, 'SELECT * FROM subscriptions');
  assertSameRows(subscriptions, [...simulator.truth('customer_subscriptions')] as JsonObject[], ['id']);
});
