import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { StreamViews } from '../../consumers/view/stream-views.ts';
import type { StreamSchema } from '../../core/avro/schema.ts';
import { literal, quoted } from '../../core/clickhouse/client.ts';
import { Database } from '../../core/clickhouse/database.ts';
import { columnsOf, nameIn, viewWarnings, warningsOf } from '../helpers/found-views.ts';
import { command } from '../helpers/plans-table.ts';
import { assertReconciled, comparisonOf } from '../helpers/reconciled.ts';
import { createSender, sinkAll } from '../helpers/sender.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';

/**
 * Returns the statement with which the previous release created a view: without `_changed_at`, and
 * with a digest in the comment of the view.
 */
function formerView(name: string, select: string): string {
  const plain = select.replaceAll('`', '').replace(/\s+/g, ' ').trim();
  const digest = createHash('sha256').update(plain).digest('hex').slice(0, 16);
  const comment = `Made by the sink, which replaces it as long as nobody changes it [${digest}]`;
  return `CREATE OR REPLACE VIEW ${name} AS ${select} COMMENT ${literal(comment)}`;
}

test('views of the previous release are replaced, and views changed by hand are kept', async (t) => {
  const settings = createSettings(t);
  const name = nameIn(settings);
  const send = await createSender(t, settings);
  await send('customers', [{ uuid: 'cus_1', name: 'Ann' }]);
  await send('invoices', [
    { uuid: 'inv_1', line_items: [{ uuid: 'li_1' }], transactions: [{ uuid: 'tr_1' }] },
  ]);
  await send('data_sources', [{ uuid: 'ds_1' }]);
  const streams = ['customers', 'invoices', 'data_sources'];
  await sinkAll(settings, ...streams);
  const fields = async (stream: string) =>
    (await columnsOf(settings, stream)).flatMap((column) =>
      column === '_changed_at' ? [] : quoted(String(column)),
    );
  const ofStream = async (stream: string) =>
    `SELECT ${(await fields(stream)).join(', ')} FROM ${name(`${stream}_raw`)} FINAL`;
  const ofItems = (list: string) =>
    `SELECT parent.\`uuid\` AS \`invoice_uuid\`, item.\`uuid\` AS \`uuid\` FROM ${name('invoices')} AS parent ARRAY JOIN \`${list}\` AS item`;
  const changed = formerView(name('transactions'), ofItems('transactions')).replace(
    ' COMMENT',
    ' LIMIT 0 COMMENT',
  );
  await command(
    settings,
    ...['customer_tags', 'customer_custom_attributes', 'invoice_line_items'].map(
      (view) => `DROP VIEW ${name(view)}`,
    ),
    formerView(name('customers'), await ofStream('customers')),
    formerView(name('invoices'), await ofStream('invoices')),
    formerView(name('line_items'), ofItems('line_items')),
    formerView(name('sources'), `SELECT * FROM ${name('data_sources')}`),
    changed,
  );
  await sinkAll(settings, ...streams);
  const views = [
    'customers',
    'invoices',
    'line_items',
    'sources',
    'customer_tags',
    'customer_custom_attributes',
    'invoice_line_items',
  ];
  for (const view of views) assert.equal((await columnsOf(settings, view)).at(-1), '_changed_at', view);
  assert.deepEqual(await columnsOf(settings, 'transactions'), ['invoice_uuid', 'uuid']);
  const [[view, message] = [], ...others] = await viewWarnings(settings, ...streams);
  assert.deepEqual({ view, others }, { view: 'transactions', others: [] });
  assert.match(message ?? '', /changed by hand, so the sink does not replace it: rename or drop it/);
  // The derived views do not read from the streams' own views.
  await command(settings, `CREATE OR REPLACE VIEW ${name('customers')} AS SELECT 1 AS mine`);
  await sinkAll(settings, ...streams);
  assert.deepEqual(await columnsOf(settings, 'customers'), ['mine']);
  assert.deepEqual(await rowsOf(settings, 'SELECT * FROM customer_tags'), []);
  await command(settings, `DROP VIEW ${name('customers')}`, `DROP VIEW ${name('transactions')}`);
  await sinkAll(settings, ...streams);
  await assertReconciled(settings, streams);
});

/** Schemas of another producer whose streams share names with ChartMogul's streams and views. */
const foreign: Readonly<Record<string, StreamSchema['fields']>> = {
  customers: [
    { name: 'id', type: 'long' },
    { name: 'attributes', type: 'string' },
    { name: '_changed_at', type: ['null', 'string'] },
  ],
  activities: [
    { name: 'id', type: 'long' },
    { name: 'date', type: 'string' },
    { name: 'type', type: 'string' },
    { name: 'activity_mrr_movement', type: 'string' },
  ],
  account: [
    { name: 'id', type: 'long' },
    { name: 'time_zone', type: 'long' },
  ],
  invoices: [
    { name: 'id', type: 'long' },
    { name: 'line_items', type: { type: 'array', items: 'string' } },
  ],
  customer_subscriptions: [{ name: 'id', type: 'long' }],
  data_sources: [{ name: 'id', type: 'long' }],
  'customer-tags': [{ name: 'id', type: 'long' }],
  mrr_movements: [{ name: 'id', type: 'long' }],
};

test('a foreign stream may share its name with a ChartMogul stream or a derived view', async (t) => {
  const settings = createSettings(t);
  const send = await createSender(t, settings);
  const streams = Object.keys(foreign);
  for (const [stream, fields] of Object.entries(foreign)) {
    const schema: StreamSchema = { type: 'record', name: 'Foreign', primaryKey: ['id'], fields };
    const values = fields.map(
      ({ name, type }) => [name, type === 'long' ? 1 : type === 'string' ? 'x' : null] as const,
    );
    const record = { ...Object.fromEntries(values), ...(stream === 'invoices' && { line_items: ['x'] }) };
    await send(stream, [record], schema);
  }
  const warnings = warningsOf(t);
  await sinkAll(settings, ...streams);
  assert.deepEqual(
    warnings.filter((message) => message.includes('view')),
    [],
  );
  assert.deepEqual(await viewWarnings(settings, ...streams), []);
  assert.deepEqual(await rowsOf(settings, 'SELECT * FROM customers'), [
    { id: 1, attributes: 'x', _changed_at: null },
  ]);
  const found = await rowsOf(
    settings,
    `SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View' ORDER BY name`,
  );
  const own = streams.map((stream) => stream.replace('-', '_'));
  assert.deepEqual(
    found.map((row) => row['name']),
    [...own, 'sources', 'subscriptions'].sort(),
  );
  await assertReconciled(settings, streams);
});

test('several sinks can create and replace the same views concurrently', async (t) => {
  const settings = createSettings(t);
  const name = nameIn(settings);
  const send = await createSender(t, settings);
  await send('customers', [{ uuid: 'cus_1', attributes: { tags: ['a'], custom: { n: 1 } } }]);
  await send('invoices', [{ uuid: 'inv_1', line_items: [{ uuid: 'li_1' }] }]);
  const streams = ['customers', 'invoices'];
  await sinkAll(settings, ...streams);
  const database = await Database.connect(settings.clickhouse, noSignal);
  t.after(() => database.close());
  const atOnce = () =>
    Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        new StreamViews({ database, stream: streams[index % 2] ?? '' }).update(),
      ),
    );
  const views = [
    'customers',
    'customer_tags',
    'customer_custom_attributes',
    'line_items',
    'invoice_line_items',
  ];
  await command(settings, ...views.map((view) => `DROP VIEW ${name(view)}`));
  await atOnce();
  await assertReconciled(settings, streams);
  const [former] = await rowsOf(
    settings,
    `SELECT 'SELECT ' || arrayStringConcat(groupArray(name), ', ') || ' FROM ${name('customers_raw')} FINAL' AS text FROM (SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'customers' AND name != '_changed_at' ORDER BY position)`,
  );
  await command(
    settings,
    formerView(name('customers'), String(former?.['text'])),
    formerView(name('customer_tags'), 'SELECT 1 AS former'),
    formerView(name('line_items'), 'SELECT 2 AS former'),
  );
  await atOnce();
  for (const view of views) assert.ok((await columnsOf(settings, view)).includes('_changed_at'), view);
  await assertReconciled(settings, streams);
});

const activity = {
  uuid: 'act_1',
  date: '2026-01-31T23:30:00+00:00',
  type: 'new_biz',
  'activity-mrr-movement': 100,
};

test("a user's table or view with the name of a derived view is kept and reported once", async (t) => {
  const settings = createSettings(t);
  const name = nameIn(settings);
  const send = await createSender(t, settings);
  await send('account', [{ id: 'acc_1', time_zone: 'UTC' }]);
  await send('activities', [activity]);
  await send('customers', [{ uuid: 'cus_1' }]);
  const streams = ['account', 'activities', 'customers'];
  await command(
    settings,
    `CREATE DATABASE IF NOT EXISTS ${quoted(settings.clickhouse.database)}`,
    `CREATE TABLE ${name('mrr_by_month')} (n Int64) ENGINE = MergeTree ORDER BY n`,
    `INSERT INTO ${name('mrr_by_month')} VALUES (7)`,
    `CREATE VIEW ${name('mrr_movements')} AS SELECT 8 AS n`,
    `CREATE MATERIALIZED VIEW ${name('customer_tags')} ENGINE = MergeTree ORDER BY n AS SELECT n FROM ${name('mrr_by_month')}`,
  );
  const warnings = warningsOf(t);
  await sinkAll(settings, ...streams);
  const { database } = settings.clickhouse;
  const remedies = {
    customer_tags: 'is a table (MaterializedView) whose name the sink uses for a view: rename it',
    mrr_by_month: 'is a table (MergeTree) whose name the sink uses for a view: rename it',
    mrr_movements:
      'was created or changed by hand, so the sink does not replace it: rename or drop it, and the next start of the sink creates its own',
  };
  assert.deepEqual(
    warnings.filter((message) => message.startsWith('view ')).sort(),
    Object.entries(remedies).map(([view, remedy]) => `view ${database}.${view} ${remedy}`),
  );
  assert.deepEqual((await viewWarnings(settings, ...streams)).sort(), Object.entries(remedies));
  assert.deepEqual(await rowsOf(settings, 'SELECT * FROM mrr_by_month'), [{ n: 7 }]);
  assert.deepEqual(await rowsOf(settings, 'SELECT * FROM mrr_movements'), [{ n: 8 }]);
  const { views } = await comparisonOf(settings, 'activities');
  assert.match(views.find(({ view }) => view === 'mrr_by_month')?.problem ?? '', /rename it$/);

  await command(
    settings,
    `DROP VIEW ${name('customer_tags')}`,
    `RENAME TABLE ${name('mrr_by_month')} TO ${name('mine')}`,
    `DROP VIEW ${name('mrr_movements')}`,
  );
  await sinkAll(settings, ...streams);
  assert.deepEqual(await rowsOf(settings, 'SELECT month, closing_mrr FROM mrr_by_month LIMIT 1'), [
    { month: '2026-01-01', closing_mrr: 100 },
  ]);
  await assertReconciled(settings, streams);
});
