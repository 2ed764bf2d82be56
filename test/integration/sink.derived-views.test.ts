import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import { StreamViews } from '../../consumers/view/stream-views.ts';
import type { StreamSchema } from '../../core/avro/schema.ts';
import { literal, qualified, quoted } from '../../core/clickhouse/client.ts';
import { Database } from '../../core/clickhouse/database.ts';
import type { JsonObject } from '../../core/json.ts';
import { logger } from '../../core/logger.ts';
import type { Settings } from '../../core/settings/config.ts';
import { gatherStatus } from '../../operations/status/gather-status.ts';
import { command } from '../helpers/plans-table.ts';
import { assertReconciled, comparisonOf } from '../helpers/reconciled.ts';
import { createSender, sinkAll } from '../helpers/sender.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';

const nameIn = (settings: Settings) => (name: string) => qualified(settings.clickhouse.database, name);

/** Returns the columns of a view or table, in order. */
async function columnsOf(settings: Settings, name: string): Promise<unknown[]> {
  const rows = await rowsOf(
    settings,
    `SELECT name FROM system.columns WHERE database = currentDatabase() AND table = ${literal(name)} ORDER BY position`,
  );
  return rows.map((row) => row['name']);
}

/** Returns the warnings of status about views, by view. */
async function viewWarnings(
  settings: Settings,
  ...streams: string[]
): Promise<(readonly [string, string])[]> {
  const { warnings, failures } = await gatherStatus(settings, streams, noSignal);
  assert.deepEqual(failures, []);
  return warnings.flatMap(({ about, message }) =>
    about.startsWith('view ') ? [[about.slice('view '.length), message] as const] : [],
  );
}

/** Returns the texts that are logged as warnings from now on. */
function warningsOf(t: TestContext): string[] {
  const messages: string[] = [];
  t.mock.method(logger, 'warn', (_: unknown, message?: string) => {
    messages.push(message ?? '');
  });
  return messages;
}

/** Returns a view as the previous release created it: without `_changed_at`, a digest in its comment. */
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
  // The streams' own views are not a source of the others.
  await command(settings, `CREATE OR REPLACE VIEW ${name('customers')} AS SELECT 1 AS mine`);
  await sinkAll(settings, ...streams);
  assert.deepEqual(await columnsOf(settings, 'customers'), ['mine']);
  assert.deepEqual(await rowsOf(settings, 'SELECT * FROM customer_tags'), []);
  await command(settings, `DROP VIEW ${name('customers')}`, `DROP VIEW ${name('transactions')}`);
  await sinkAll(settings, ...streams);
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
    customer_tags: 'is a table (MaterializedView) with the name of a view of the sink: rename it',
    mrr_by_month: 'is a table (MergeTree) with the name of a view of the sink: rename it',
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

test('mrr_by_month has every month from the first movement to now, in the zone of the account', async (t) => {
  const settings = createSettings(t);
  const send = await createSender(t, settings);
  const move = (uuid: string, date: string | null, type: string, cents: number | null): JsonObject => ({
    uuid,
    date,
    type,
    'activity-mrr-movement': cents,
  });
  const months = async (until: string) => {
    const rows = await rowsOf(
      settings,
      `SELECT * EXCEPT (_changed_at) FROM mrr_by_month WHERE month <= '${until}' ORDER BY month`,
    );
    return rows.map((row) => Object.values(row));
  };
  // No account yet.
  await send('activities', []);
  await sinkAll(settings, 'activities');
  assert.deepEqual(await columnsOf(settings, 'mrr_by_month'), []);
  await send('account', []);
  await sinkAll(settings, 'account');
  assert.deepEqual(await rowsOf(settings, 'SELECT * FROM mrr_by_month'), [], 'no movement');

  await send('activities', [
    move('a', '2025-10-31T22:59:59+00:00', 'new_biz', 1000),
    move('b', '2025-10-31T23:00:00+00:00', 'expansion', 200),
    move('c', '2026-02-10T00:00:00+00:00', 'contraction', -300),
    move('d', '2026-02-11T00:00:00+00:00', 'churn', -900),
    move('e', '2026-02-28T23:30:00+00:00', 'reactivation', 50),
    move('f', null, 'new_biz', 1),
    move('g', '2026-02-12T00:00:00+00:00', 'new_biz', null),
    move('h', '2026-02-12T00:00:00+00:00', 'of_another_type', 5),
  ]);
  await sinkAll(settings, 'activities');
  const utc = [
    ['2025-10-01', 0, 1000, 200, 0, 0, 0, 1200],
    ['2025-11-01', 1200, 0, 0, 0, 0, 0, 1200],
    ['2025-12-01', 1200, 0, 0, 0, 0, 0, 1200],
    ['2026-01-01', 1200, 0, 0, 0, 0, 0, 1200],
    ['2026-02-01', 1200, 0, 0, -300, -900, 50, 50],
    ['2026-03-01', 50, 0, 0, 0, 0, 0, 50],
  ];
  assert.deepEqual(await months('2026-03-01'), utc, 'no account: UTC');
  const [last] = await rowsOf(
    settings,
    "SELECT max(month) = toStartOfMonth(now(), 'UTC') AS is_now FROM mrr_by_month",
  );
  assert.deepEqual(last, { is_now: 1 });

  for (const zone of [null, '']) {
    await send('account', [{ id: 'acc_1', time_zone: zone }]);
    await sinkAll(settings, 'account');
    assert.deepEqual(await months('2026-03-01'), utc, `an account with the zone ${zone}`);
  }
  await send('account', [{ id: 'acc_1', time_zone: 'Europe/Berlin' }]);
  await sinkAll(settings, 'account');
  assert.deepEqual(await months('2026-03-01'), [
    ['2025-10-01', 0, 1000, 0, 0, 0, 0, 1000],
    ['2025-11-01', 1000, 0, 200, 0, 0, 0, 1200],
    ...utc.slice(2, 4),
    ['2026-02-01', 1200, 0, 0, -300, -900, 0, 0],
    ['2026-03-01', 0, 0, 0, 0, 0, 50, 50],
  ]);
  const changes = await rowsOf(
    settings,
    'SELECT countIf(_changed_at < (SELECT min(_timestamp) FROM activities_raw)) AS n, count() > 5 AS some FROM mrr_by_month',
  );
  assert.deepEqual(changes, [{ n: 0, some: 1 }]);
});

test('an account with an unknown time zone stops no stream', async (t) => {
  const settings = createSettings(t);
  const send = await createSender(t, settings);
  await send('account', [{ id: 'acc_1', time_zone: 'Middle Earth' }]);
  await sinkAll(settings, 'account');
  const warnings = warningsOf(t);
  await send('activities', [activity]);
  await sinkAll(settings, 'activities');
  const about = warnings.filter((message) => message.includes('mrr_by_month'));
  assert.equal(about.length, 1);
  assert.match(about[0] ?? '', /cannot be created; the stream continues without it: .*Middle Earth/);
  assert.deepEqual(await rowsOf(settings, 'SELECT count() AS n FROM mrr_movements'), [{ n: 1 }]);
  await send('account', [{ id: 'acc_1', time_zone: 'Asia/Tokyo' }]);
  await sinkAll(settings, 'account');
  await sinkAll(settings, 'activities');
  assert.deepEqual(await rowsOf(settings, 'SELECT month FROM mrr_by_month LIMIT 1'), [
    { month: '2026-02-01' },
  ]);
});

/** Schemas of another producer, with the names of ChartMogul's streams. */
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

test('streams of another producer may have the names of ours and of derived views', async (t) => {
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

test('several sinks create and replace the same views at once', async (t) => {
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
