import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import type { JsonObject } from '../../core/json.ts';
import { ageRounds } from '../helpers/age-round.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { createSettings } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { assertSameRows } from '../helpers/same-rows.ts';

function assertWhole(counts: readonly { readonly failure: Error | undefined }[]): void {
  assert.deepEqual(counts.map(({ failure }) => failure).filter(Boolean), []);
}

test('every view shows the current account two runs after it changed', async (t) => {
  const { simulator, baseUrl } = await createSimulatorServer(t, { customers: 230, seed: 21, deletes: 0.03 });
  const settings = createSettings(t, baseUrl);
  assertWhole(await produceStreams(settings));
  assertWhole(await sinkStreams(settings));
  simulator.moveTo(1);
  const second = await produceStreams(settings);
  // The renewal of a subscription does not change its customer, so only the next full refresh finds
  // it.
  await ageRounds(t, settings, 30, 'customer_subscriptions');
  const third = await produceStreams(settings);
  assertWhole([...second, ...third, ...(await sinkStreams(settings))]);
  for (const stream of ['customers', 'invoices', 'subscription_events', 'customer_subscriptions']) {
    const deleted = [...second, ...third].filter((counts) => counts.stream === stream && counts.deleted > 0);
    assert.ok(deleted.length > 0, `no record of ${stream} was deleted`);
  }
  for (const stream of simulator.streams) {
    const records = [...simulator.truth(stream)] as JsonObject[];
    const rows = await rowsOf(settings, `SELECT * FROM ${stream}`);
    const isPart = stream.startsWith('metrics_');
    await t.test(stream, () =>
      assertSameRows(rows, records, readStreamSchema(stream).primaryKey, { isPart }),
    );
  }
  const invoices = [...simulator.truth('invoices')] as JsonObject[];
  for (const items of ['line_items', 'transactions']) {
    const wanted = invoices.flatMap((invoice) => (invoice[items] as JsonObject[]).map(({ uuid }) => uuid));
    const rows = await rowsOf(settings, `SELECT uuid FROM ${items}`);
    assert.deepEqual(rows.map(({ uuid }) => uuid).sort(), wanted.sort(), items);
  }
});
