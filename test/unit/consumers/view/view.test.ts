import assert from 'node:assert/strict';
import test from 'node:test';
import { parseColumnType } from '../../../../consumers/column/parse-column-type.ts';
import { parseWriterSchema } from '../../../../consumers/schema/writer-schema.ts';
import {
  fieldColumns,
  systemColumns,
  type CommentedColumn,
} from '../../../../consumers/table/stored-columns.ts';
import { derivedViews } from '../../../../consumers/view/definitions.ts';
import { viewSql } from '../../../../consumers/view/found-view.ts';
import { selectOf } from '../../../../consumers/view/view-query.ts';
import { viewQueries } from '../../../../consumers/view/view.ts';
import { readStreamSchema, streamNames } from '../../../../core/avro/schema-files.ts';
import { loadSettings } from '../../../../core/settings/config.ts';

function fieldsOf(stream: string): CommentedColumn[] {
  return fieldColumns(parseWriterSchema(JSON.stringify(readStreamSchema(stream)), 'test'));
}

/**
 * The columns of ChartMogul's streams by name, without `transactions`, whose view would replace a
 * derived view.
 */
const known = new Map(
  streamNames.filter((name) => name !== 'transactions').map((name) => [name, fieldsOf(name)]),
);

function table(columns: Readonly<Record<string, string>>): CommentedColumn[] {
  return Object.entries(columns).map(([name, text]) => {
    const type = parseColumnType(text);
    assert.ok(type, text);
    return { name, type, comment: '' };
  });
}

for (const stream of streamNames) {
  test(`the view of ${stream} shows its fields with their comments, and no system column`, () => {
    const [own] = viewQueries('db', stream, new Map([[stream, fieldsOf(stream)]]));
    assert.deepEqual({ name: own?.name, owner: own?.owner }, { name: stream, owner: stream });
    assert.ok(own);
    const text = selectOf(own.query);
    assert.match(text, new RegExp(`^SELECT .* FROM \`db\`.\`${stream}_raw\` FINAL$`));
    assert.deepEqual(
      own.query.columns.map(({ name }) => name),
      [...readStreamSchema(stream).fields.map(({ name }) => name), '_changed_at'],
    );
    for (const { name, comment } of own.query.columns) assert.notEqual(comment, '', name);
    for (const { name } of systemColumns)
      assert.ok(!own.query.columns.some((column) => column.name === name));
  });
}

test('every derived view belongs to a ChartMogul stream and describes its columns', () => {
  const found = [...known.keys()].flatMap((stream) =>
    viewQueries('db', stream, known).filter(({ name, owner }) => name !== stream && owner === stream),
  );
  assert.deepEqual(found.map(({ name }) => name).sort(), derivedViews.map(({ name }) => name).sort());
  for (const { name, query } of found) {
    const names = query.columns.map((column) => column.name);
    assert.equal(new Set(names).size, names.length, name);
    assert.equal(names.at(-1), '_changed_at', name);
    for (const column of query.columns) assert.notEqual(column.comment, '', `${name}.${column.name}`);
  }
});

test('a view of invoice items has the invoice key and the comments of the schema', () => {
  for (const name of ['line_items', 'invoice_line_items', 'transactions']) {
    const view = viewQueries('db', 'invoices', known).find((one) => one.name === name);
    assert.ok(view);
    assert.match(
      selectOf(view.query),
      /parent\.`uuid` AS `invoice_uuid`.*item\.`uuid` AS `uuid`.*ARRAY JOIN/,
    );
    const comment = view.query.columns.find((column) => column.name === 'amount_in_cents')?.comment;
    assert.match(comment ?? '', /in cents of the invoice currency/);
  }
});

const text = 'Nullable(String)';
const attributes = 'Tuple(tags Array(Nullable(String)), custom String)';
const time = "Nullable(DateTime64(3, 'UTC'))";
const movements = { date: time, type: text, activity_mrr_movement: 'Nullable(Int64)' };

/** Tables, and the views that must be derived from a stream if these tables exist. */
const derived: readonly (readonly [
  title: string,
  stream: string,
  tables: Readonly<Record<string, Readonly<Record<string, string>>>>,
  views: readonly string[],
])[] = [
  ['no tables', 'customers', {}, []],
  [
    'attributes',
    'customers',
    { customers: { uuid: 'String', attributes } },
    ['customer_tags', 'customer_custom_attributes'],
  ],
  ['no key', 'customers', { customers: { id: 'String', attributes } }, []],
  ['no attributes', 'customers', { customers: { uuid: 'String' } }, []],
  ['attributes in a String', 'customers', { customers: { uuid: 'String', attributes: 'String' } }, []],
  [
    'tags only',
    'customers',
    { customers: { uuid: 'String', attributes: 'Tuple(tags Array(String))' } },
    ['customer_tags'],
  ],
  [
    'nullable attributes of an earlier release',
    'customers',
    { customers: { uuid: 'String', attributes: 'Tuple(tags String, custom Nullable(String))' } },
    ['customer_custom_attributes'],
  ],
  ['movements but no account', 'activities', { activities: movements }, []],
  [
    'movements and an account',
    'activities',
    { activities: movements, account: { time_zone: text } },
    ['mrr_by_month'],
  ],
  [
    'movements and a time zone',
    'account',
    { activities: movements, account: { time_zone: text } },
    ['mrr_by_month'],
  ],
  ['movements but no time zone', 'account', { activities: movements, account: { id: 'String' } }, []],
  ['a time zone but no movements', 'account', { account: { time_zone: text } }, []],
  [
    'a date in a String',
    'activities',
    { activities: { ...movements, date: text }, account: { time_zone: text } },
    [],
  ],
  ['no lists', 'invoices', { invoices: { uuid: 'String' } }, []],
  ['a list of numbers', 'invoices', { invoices: { uuid: 'String', line_items: 'Array(Int64)' } }, []],
  [
    'a list of records',
    'invoices',
    { invoices: { uuid: 'String', line_items: 'Array(Tuple(uuid Int64))' } },
    ['line_items', 'invoice_line_items'],
  ],
  ['columns of another producer', 'data_sources', { data_sources: { n: 'Int64' } }, ['sources']],
  [
    'columns of another producer',
    'customer_subscriptions',
    { customer_subscriptions: { n: 'Int64' } },
    ['subscriptions'],
  ],
];
for (const [title, stream, tables, views] of derived)
  test(`${stream} with ${title} has ${views.length === 0 ? 'no derived views' : `the derived views ${views.join(', ')}`}`, () => {
    const columns = new Map(Object.entries(tables).map(([name, fields]) => [name, table(fields)]));
    const found = viewQueries('db', stream, columns).map(({ name }) => name);
    assert.deepEqual(found, stream in tables ? [stream, ...views] : []);
  });

test('a view of invoice items omits the invoice columns that the table lacks', () => {
  const columns = new Map([
    ['invoices', table({ uuid: 'String', line_items: 'Array(Tuple(uuid Int64, invoice_date Date32))' })],
  ]);
  const view = viewQueries('db', 'invoices', columns).find(({ name }) => name === 'line_items');
  assert.deepEqual(
    view?.query.columns.map(({ name }) => name),
    ['invoice_uuid', 'uuid', 'invoice_date', '_changed_at'],
  );
});

test('mrr_by_month rounds fractions of a cent, which are in the variant column', () => {
  const activities = { ...movements, activity_mrr_movement__v_double: 'Nullable(Float64)' };
  const columns = new Map([
    ['activities', table(activities)],
    ['account', table({ time_zone: text })],
  ]);
  const view = viewQueries('db', 'activities', columns).find(({ name }) => name === 'mrr_by_month');
  assert.ok(view);
  assert.ok(
    selectOf(view.query).includes(
      "sumIf(ifNull(ifNull(`activity_mrr_movement`, accurateCastOrNull(round(`activity_mrr_movement__v_double`), 'Int64')), 0), type = 'churn') AS churn",
    ),
  );
});

test('a stream with the name of a derived view replaces and owns that view', () => {
  const columns = new Map([
    ['invoices', table({ uuid: 'String', transactions: 'Array(Tuple(uuid String))' })],
    ['transactions', table({ uuid: 'String', result: 'String' })],
  ]);
  const expected =
    'SELECT `uuid`, `result`, `_timestamp` AS `_changed_at` FROM `db`.`transactions_raw` FINAL';
  for (const stream of ['invoices', 'transactions']) {
    const view = viewQueries('db', stream, columns).find(({ name }) => name === 'transactions');
    assert.equal(view?.owner, 'transactions');
    assert.equal(selectOf(view.query), expected);
  }
});

test('mrr_by_month, which is derived from two streams, is owned by activities', () => {
  const columns = new Map([
    ['activities', table(movements)],
    ['account', table({ time_zone: text })],
  ]);
  for (const stream of ['activities', 'account'])
    assert.equal(viewQueries('db', stream, columns).at(-1)?.owner, 'activities');
});

const ownColumns: readonly (readonly [Readonly<Record<string, string>>, string])[] = [
  [{ a: 'Int64' }, 'SELECT `a`, `_timestamp` AS `_changed_at` FROM `db`.`s_raw` FINAL'],
  [
    { true: 'Int64', a: 'Int64' },
    'SELECT stored.`true` AS `true`, `a`, `_timestamp` AS `_changed_at` FROM `db`.`s_raw` AS stored FINAL',
  ],
  [{ _changed_at: 'Int64' }, 'SELECT `_changed_at` FROM `db`.`s_raw` FINAL'],
];
for (const [fields, expected] of ownColumns)
  test(`the view of a stream with the columns ${Object.keys(fields).join(', ')} selects each once`, () => {
    const [own] = viewQueries('db', 's', new Map([['s', table(fields)]]));
    assert.ok(own);
    assert.equal(selectOf(own.query), expected);
  });

test('viewSql declares the columns and comments of a view, even on a cluster', () => {
  const { clickhouse } = loadSettings({}, '');
  const columns = [{ name: 'uuid', type: 'String', comment: "It's \\" }];
  const view = {
    name: 'plans',
    owner: 'plans',
    select: 'SELECT uuid FROM db.plans_raw FINAL',
    columns,
    tables: new Map(),
  };
  const sql = (cluster: string | undefined, replaces: boolean) =>
    viewSql({ name: 'db', settings: { ...clickhouse, cluster } }, view, columns, replaces);
  const rest =
    "(`uuid` String COMMENT 'It\\'s \\\\') AS SELECT uuid FROM db.plans_raw FINAL COMMENT 'Created by the sink";
  assert.ok(sql(undefined, false).startsWith(`CREATE VIEW IF NOT EXISTS \`db\`.\`plans\` ${rest}`));
  assert.ok(sql('c1', true).startsWith(`CREATE OR REPLACE VIEW \`db\`.\`plans\` ON CLUSTER \`c1\` ${rest}`));
});
