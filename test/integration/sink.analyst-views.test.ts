import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { stringify } from 'lossless-json';
import { freeFormText } from '../../core/free-form.ts';
import { parseJson, type JsonObject, type JsonValue } from '../../core/json.ts';
import { qualified } from '../../core/clickhouse/client.ts';
import { command } from '../helpers/plans-table.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { createSettings } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';
import { rowsOf } from '../helpers/table-rows.ts';

/** Columns of `mrr_by_month` and of `metrics_mrr`, and the type of activity. */
const movements = [
  ['new_business', 'mrr-new-business', 'new_biz'],
  ['expansion', 'mrr-expansion', 'expansion'],
  ['contraction', 'mrr-contraction', 'contraction'],
  ['churn', 'mrr-churn', 'churn'],
  ['reactivation', 'mrr-reactivation', 'reactivation'],
] as const;

test('the views for analysts show the data of the simulated account', async (t) => {
  const { simulator, baseUrl } = await createSimulatorServer(t, { customers: 200, seed: 11 });
  const settings = createSettings(t, baseUrl);
  const names = ['account', 'activities', 'customers', 'customer_subscriptions', 'metrics_mrr', 'invoices'];
  await produceStreams(settings, ...names);
  for (const { stream, failure } of await sinkStreams(settings, ...names))
    assert.equal(failure, undefined, stream);
  const truth = (stream: string) => [...simulator.truth(stream)] as JsonObject[];
  const rows = (sql: string) => rowsOf(settings, sql);

  await t.test('mrr_by_month equals metrics_mrr for every month, to the cent', async () => {
    const byMonth = new Map((await rows('SELECT * FROM mrr_by_month')).map((row) => [row['month'], row]));
    const metrics = await rows(
      `SELECT * FROM metrics_mrr WHERE interval = 'month' AND mrr IS NOT NULL ORDER BY date`,
    );
    const monthOf = (metric: JsonObject) => `${String(metric['date']).slice(0, 8)}01`;
    const months = metrics.filter((metric) => byMonth.has(monthOf(metric)));
    assert.ok(months.length > 12);
    // The view begins with the month of the first movement and ends with the current month in the
    // account's time zone. The producer asks for metrics up to today in UTC, which may be in the
    // next month.
    const shown = metrics.indexOf(months[0] ?? {});
    const later = metrics.slice(shown + months.length);
    for (const metric of metrics.slice(0, shown)) assert.equal(metric['mrr'], 0);
    assert.ok(later.length <= 1);
    for (const metric of later) assert.equal(metric['mrr'], months.at(-1)?.['mrr']);
    for (const metric of months) {
      const month = monthOf(metric);
      const {
        opening_mrr: opening,
        closing_mrr: closing,
        _changed_at: changed,
        ...moved
      } = byMonth.get(month) ?? {};
      assert.ok(typeof changed === 'string' && changed > '2020');
      const expected = Object.fromEntries(
        movements.map(([name, metricName]) => [name, metric[metricName.replaceAll('-', '_')]]),
      );
      assert.deepEqual({ ...moved, closing }, { month, ...expected, closing: metric['mrr'] });
      assert.equal(
        opening,
        Number(closing) - movements.reduce((sum, [name]) => sum + Number(moved[name]), 0),
      );
    }
  });

  await t.test('mrr_movements shows every activity', async () => {
    const shown = await rows(
      'SELECT uuid, customer_uuid, type, mrr_movement, mrr, currency FROM mrr_movements',
    );
    const expected = truth('activities').map((activity) => ({
      uuid: activity['uuid'],
      customer_uuid: activity['customer-uuid'],
      type: activity['type'],
      mrr_movement: activity['activity-mrr-movement'],
      mrr: activity['activity-mrr'],
      currency: activity['currency'],
    }));
    assert.deepEqual(sorted(shown), sorted(expected));
  });

  await t.test('customer_tags shows a row for each tag', async () => {
    const expected = truth('customers').flatMap((customer) =>
      tagsOf(customer).flatMap((tag) => (tag === null ? [] : { customer_uuid: customer['uuid'], tag })),
    );
    assert.ok(expected.length > 10);
    const shown = sorted(await rows('SELECT customer_uuid, tag FROM customer_tags'));
    const wanted = sorted(expected);
    assert.deepEqual(shown, wanted);
  });

  await t.test('customer_custom_attributes shows each value as text and in columns by type', async () => {
    const shown = await rows('SELECT * EXCEPT (_changed_at) FROM customer_custom_attributes');
    const expected = truth('customers').flatMap((customer) =>
      Object.entries((customer['attributes'] as JsonObject)['custom'] as JsonObject).map(([name, value]) => ({
        customer_uuid: customer['uuid'],
        name,
        ...typed(value),
      })),
    );
    assert.ok(expected.length > 10);
    assert.deepEqual(sorted(shown), sorted(expected));
  });

  await t.test('subscription_periods shows the start, end and status of each subscription', async () => {
    const shown = await rows(
      'SELECT * EXCEPT _changed_at REPLACE (toUnixTimestamp64Milli(start) AS start, toUnixTimestamp64Milli(end) AS end) FROM subscription_periods',
    );
    const time = (value: unknown) => (typeof value === 'string' ? Date.parse(value) : null);
    const expected = truth('customer_subscriptions').map((subscription) => ({
      customer_uuid: subscription['customer_uuid'],
      subscription_id: subscription['id'],
      subscription_external_id: subscription['external_id'],
      plan: subscription['plan'],
      start: time(subscription['start-date']),
      end: time(subscription['end-date']),
      status: subscription['status'],
      // The view rounds a fractional MRR, which the table stores in a separate column.
      mrr: Math.round(Number(subscription['mrr'])),
      currency: subscription['currency'],
    }));
    assert.deepEqual(sorted(shown), sorted(expected));
  });

  await t.test('every column of every view has a comment, and every view has _changed_at', async () => {
    const own = `database = currentDatabase() AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View')`;
    assert.deepEqual(await rows(`SELECT table, name FROM system.columns WHERE ${own} AND comment = ''`), []);
    const views = await rows(
      `SELECT table, countIf(name = '_changed_at') AS n FROM system.columns WHERE ${own} GROUP BY table`,
    );
    assert.ok(views.length > 12, JSON.stringify(views));
    for (const { table, n } of views) assert.equal(n, 1, String(table));
  });

  await t.test('the queries in docs/how-to/tables-and-views.md run', async () => {
    const page = readFileSync('docs/how-to/tables-and-views.md', 'utf8');
    const queries = [...page.matchAll(/```sql\n(.*?)```/gs)].map(([, query = '']) => query);
    assert.ok(queries.length > 5);
    for (const query of queries) {
      const found = await rows(query);
      // These queries may return no rows: nothing was deleted, and the account's data may end
      // before today.
      if (!/_deleted|now\(\)/.test(query)) assert.ok(found.length > 0, query);
    }
  });

  await t.test('every view can be read after the server reloads it', async () => {
    const views = await rows(
      `SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View'`,
    );
    for (const { name } of views) {
      const view = qualified(settings.clickhouse.database, String(name));
      await command(settings, `DETACH TABLE ${view}`, `ATTACH TABLE ${view}`);
      await rows(`SELECT * FROM ${view} LIMIT 1`);
    }
  });

  await t.test('a second start of the sink does not change the views', async () => {
    const created = () =>
      rows(
        `SELECT name, toString(metadata_modification_time) AS time, uuid FROM system.tables WHERE database = currentDatabase() AND engine = 'View' ORDER BY name`,
      );
    const before = await created();
    await sinkStreams(settings, ...names);
    assert.deepEqual(await created(), before);
  });
});

function tagsOf(customer: JsonObject): readonly JsonValue[] {
  return (customer['attributes'] as JsonObject)['tags'] as JsonValue[];
}

/** Returns the values of the columns that follow the name of a custom attribute. */
function typed(given: JsonValue): JsonObject {
  // An integer beyond 64 bits is stored as text.
  const value = parseJson(freeFormText(given));
  const none = {
    string_value: null,
    integer_value: null,
    number_value: null,
    boolean_value: null,
    timestamp_value: null,
  };
  if (value === null) return { type: 'Null', value: null, ...none };
  if (typeof value === 'boolean')
    return { type: 'Boolean', value: String(value), ...none, boolean_value: value };
  if (typeof value === 'bigint' || typeof value === 'number')
    return Number.isInteger(Number(value))
      ? { type: 'Integer', value: String(value), ...none, integer_value: value, number_value: Number(value) }
      : { type: 'Decimal', value: String(value), ...none, number_value: value };
  if (typeof value === 'object') return { type: 'JSON', value: freeFormText(value), ...none };
  const text = value;
  const isTime = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d/.test(text);
  const utc = new Date(/Z$|[+-]\d\d:\d\d$/.test(text) ? text : `${text.replace(' ', 'T')}Z`);
  return {
    type: isTime ? 'Timestamp' : 'String',
    value: text,
    ...none,
    string_value: text,
    timestamp_value: isTime ? utc.toISOString().replace('T', ' ').replace('Z', '') : null,
  };
}

function sorted(rows: readonly Readonly<Record<string, unknown>>[]): readonly string[] {
  const textOf = (row: Readonly<Record<string, unknown>>) =>
    stringify(Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)))) ?? '';
  return rows.map(textOf).sort();
}
