import assert from 'node:assert/strict';
import test from 'node:test';
import type { Column } from '../../consumers/clickhouse/column-type.ts';
import {
  evolutionActions,
  fieldColumns,
  storageTableSql,
  systemColumns,
} from '../../consumers/clickhouse/evolution.ts';
import { parseColumnType } from '../../consumers/clickhouse/parse-column-type.ts';
import { viewStatements } from '../../consumers/clickhouse/view.ts';
import { readStreamSchema, streamNames } from '../../core/avro/schema-files.ts';
import type { AvroType, StreamSchema } from '../../core/avro/schema.ts';
import { IncompatibleSchemaError } from '../../core/errors.ts';
import { evolve } from '../../producers/avro/drift.ts';

function schemaOf(fields: Record<string, AvroType>, doc?: string): StreamSchema {
  const all = Object.entries(fields).map(([name, type]) => ({
    name,
    type,
    ...(doc !== undefined && { doc }),
  }));
  return { type: 'record', name: 'T', primaryKey: ['uuid'], fields: all };
}

function table(columns: Record<string, string>): Column[] {
  return Object.entries(columns).map(([name, text]) => {
    const type = parseColumnType(text);
    assert.ok(type, text);
    return { name, type };
  });
}

const record = (fields: Record<string, AvroType>) => ({ ...schemaOf(fields), name: 'Inner' });
const actions: readonly (readonly [
  string,
  Record<string, string>,
  Record<string, AvroType>,
  string[] | RegExp,
])[] = [
  ['the same', { uuid: 'String', a: 'Nullable(Int64)' }, { uuid: 'string', a: ['null', 'long'] }, []],
  ['fewer fields', { uuid: 'String', a: 'Nullable(Int64)' }, { uuid: 'string' }, []],
  ['fields in another order', { a: 'Int64', uuid: 'String' }, { uuid: 'string', a: 'long' }, []],
  [
    'a field that may be null no more',
    { uuid: 'String', a: 'Nullable(Int64)' },
    { uuid: 'string', a: 'long' },
    [],
  ],
  [
    'a new field',
    { uuid: 'String' },
    { uuid: 'string', a: ['null', { type: 'long', logicalType: 'timestamp-millis' }] },
    ["ADD COLUMN IF NOT EXISTS `a` Nullable(DateTime64(3, 'UTC'))"],
  ],
  [
    'a field that may be null now',
    { uuid: 'String', a: 'Int64' },
    { uuid: 'string', a: ['null', 'long'] },
    ['MODIFY COLUMN `a` Nullable(Int64)'],
  ],
  [
    'a new member, and one that is gone',
    { uuid: 'String', a: 'Array(Tuple(x Int64, old String))' },
    { uuid: 'string', a: { type: 'array', items: ['null', record({ new: ['null', 'string'], x: 'long' })] } },
    ['MODIFY COLUMN `a` Array(Tuple(`x` Int64, `old` String, `new` Nullable(String)))'],
  ],
  [
    'another type',
    { uuid: 'String', a: 'Int64' },
    { uuid: 'string', a: 'string' },
    /column t_raw\.a is Int64.*String/,
  ],
  ['a narrower number', { uuid: 'String', a: 'Int64' }, { uuid: 'string', a: 'int' }, /a is Int64.*Int32/],
  ['a wider number', { uuid: 'String', a: 'Int32' }, { uuid: 'string', a: 'long' }, /a is Int32.*Int64/],
  [
    'a list of what was one',
    { uuid: 'String', a: 'Int64' },
    { uuid: 'string', a: { type: 'array', items: 'long' } },
    /Array/,
  ],
  [
    'another type within',
    { uuid: 'String', a: 'Tuple(x Int64)' },
    { uuid: 'string', a: record({ x: 'string' }) },
    /column t_raw\.a\.x is Int64.*String/,
  ],
  ['a key that may be null', { uuid: 'String' }, { uuid: ['null', 'string'] }, /t_raw\.uuid.*sorting key/],
];
for (const [name, have, want, expected] of actions) {
  test(`a table is given ${name}: ${expected instanceof RegExp ? 'refused' : expected.join(', ') || 'nothing to do'}`, () => {
    const ask = () => evolutionActions('t_raw', table(have), schemaOf(want));
    if (!(expected instanceof RegExp)) assert.deepEqual(ask(), expected);
    else
      assert.throws(ask, (error) => error instanceof IncompatibleSchemaError && expected.test(error.message));
  });
}

test('a comment cannot end its text', () => {
  const [action] = evolutionActions('t', [], schemaOf({ uuid: 'string' }, "it's \\"));
  assert.equal(action, "ADD COLUMN IF NOT EXISTS `uuid` String COMMENT 'it\\'s \\\\'");
});

for (const stream of streamNames) {
  const schema = readStreamSchema(stream);

  test(`the table of ${stream} has each column once, keeps versions and is sorted by its key`, () => {
    const sql = storageTableSql(schema);
    const names = [...sql.matchAll(/^ {2}`(\w+)` /gm)].map(([, name]) => name);
    assert.deepEqual(
      names,
      [...fieldColumns(schema), ...systemColumns].map(({ name }) => name),
    );
    assert.equal(new Set(names).size, names.length);
    assert.match(sql, /ENGINE = ReplacingMergeTree\(_version, _deleted\)/);
    assert.ok(sql.includes(`ORDER BY (\`${schema.primaryKey.join('`, `')}\`)`));
    assert.deepEqual(evolutionActions(stream, fieldColumns(schema), schema), []);
  });

  test(`a field that ${stream} learns is a column that is added and nothing else`, () => {
    const learnt = evolve(schema, [{ path: [], name: 'website__v_json', kind: 'json' }]);
    const found = evolutionActions(stream, fieldColumns(schema), learnt);
    assert.equal(found.length, 1);
    assert.match(found[0] ?? '', /^ADD COLUMN IF NOT EXISTS `website__v_json` Nullable\(String\)/);
  });

  test(`the view of ${stream} shows its fields and no system column`, () => {
    const [view = ''] = viewStatements('db', stream, fieldColumns(schema));
    assert.match(
      view,
      new RegExp(
        `^CREATE OR REPLACE VIEW \`db\`.\`${stream}\` AS SELECT .* FROM \`db\`.\`${stream}_raw\` FINAL$`,
      ),
    );
    for (const { name } of systemColumns) assert.ok(!view.includes(`\`${name}\``));
    for (const { name } of schema.fields) assert.ok(view.includes(`\`${name}\``));
  });
}

test('the items of invoices have views of their own, with the key of their invoice', () => {
  const statements = viewStatements('db', 'invoices', fieldColumns(readStreamSchema('invoices')));
  for (const name of ['line_items', 'transactions']) {
    const view = statements.find((sql) => sql.startsWith(`CREATE OR REPLACE VIEW \`db\`.\`${name}\` AS`));
    assert.match(view ?? '', /parent\.`uuid` AS `invoice_uuid`.*item\.`uuid` AS `uuid`.*ARRAY JOIN/);
  }
});

test('data sources are shown under their other name too', () => {
  const [, sources] = viewStatements('db', 'data_sources', fieldColumns(readStreamSchema('data_sources')));
  assert.equal(sources, 'CREATE OR REPLACE VIEW `db`.`sources` AS SELECT * FROM `db`.`data_sources`');
});
