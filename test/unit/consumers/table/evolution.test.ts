import assert from 'node:assert/strict';
import test from 'node:test';
import type { Column } from '../../../../consumers/column/column-type.ts';
import { parseWriterSchema } from '../../../../consumers/schema/writer-schema.ts';
import type { WriterSchema } from '../../../../consumers/schema/writer-type.ts';
import { evolutionActions } from '../../../../consumers/table/evolution.ts';
import { fieldColumns, systemColumns } from '../../../../consumers/table/stored-columns.ts';
import { parseColumnType } from '../../../../consumers/column/parse-column-type.ts';
import { createTableSql } from '../../../../consumers/table/table-ddl.ts';
import { readStreamSchema, streamNames } from '../../../../core/avro/schema-files.ts';
import type { AvroType, StreamSchema } from '../../../../core/avro/schema.ts';
import { IncompatibleSchemaError } from '../../../../core/errors.ts';
import { evolve } from '../../../../producers/encode/drift.ts';

function schemaOf(fields: Record<string, AvroType>, doc?: string): StreamSchema {
  const all = Object.entries(fields).map(([name, type]) => ({
    name,
    type,
    ...(doc !== undefined && { doc }),
  }));
  return { type: 'record', name: 'T', primaryKey: ['uuid'], fields: all };
}

const alone = { database: 'db', cluster: undefined };

/** Returns the schema as the sink receives it from the registry. */
function asWritten(schema: StreamSchema): WriterSchema {
  return parseWriterSchema(JSON.stringify(schema), 'test');
}

const shape = (columns: readonly Column[]) => ({
  columns: columns.map((column) => ({ ...column, typeText: column.type.text })),
  unusable: new Map<string, string>(),
});

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
  ['the same fields', { uuid: 'String', a: 'Nullable(Int64)' }, { uuid: 'string', a: ['null', 'long'] }, []],
  ['fewer fields', { uuid: 'String', a: 'Nullable(Int64)' }, { uuid: 'string' }, []],
  ['fields in another order', { a: 'Int64', uuid: 'String' }, { uuid: 'string', a: 'long' }, []],
  [
    'a field that is no longer nullable',
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
    'a field that has become nullable',
    { uuid: 'String', a: 'Int64' },
    { uuid: 'string', a: ['null', 'long'] },
    ['MODIFY COLUMN `a` Nullable(Int64)'],
  ],
  [
    'a new and a removed record member',
    { uuid: 'String', a: 'Array(Tuple(x Int64, old String))' },
    { uuid: 'string', a: { type: 'array', items: ['null', record({ new: ['null', 'string'], x: 'long' })] } },
    ['MODIFY COLUMN `a` Array(Tuple(`x` Nullable(Int64), `old` Nullable(String), `new` Nullable(String)))'],
  ],
  [
    'a string that was a number',
    { uuid: 'String', a: 'Int64' },
    { uuid: 'string', a: 'string' },
    ['MODIFY COLUMN `a` String'],
  ],
  [
    'a number that was a string',
    { uuid: 'String', a: 'Nullable(String)' },
    { uuid: 'string', a: 'long' },
    /column t_raw\.a is Nullable\(String\), but the topic's schema needs Int64/,
  ],
  ['a narrower number', { uuid: 'String', a: 'Int64' }, { uuid: 'string', a: 'int' }, []],
  [
    'a wider number',
    { uuid: 'String', a: 'Int32' },
    { uuid: 'string', a: 'long' },
    ['MODIFY COLUMN `a` Int64'],
  ],
  [
    'a double that was an integer',
    { uuid: 'String', a: 'Int64' },
    { uuid: 'string', a: 'double' },
    /a is Int64.*Float64/,
  ],
  [
    'an array that was a single value',
    { uuid: 'String', a: 'Int64' },
    { uuid: 'string', a: { type: 'array', items: 'long' } },
    /Array/,
  ],
  [
    'a record member of another type',
    { uuid: 'String', a: 'Tuple(x Int64)' },
    { uuid: 'string', a: record({ x: 'double' }) },
    /column t_raw\.a\.x is Int64.*Float64/,
  ],
  ['a nullable primary key', { uuid: 'String' }, { uuid: ['null', 'string'] }, []],
  [
    'a primary key of another type',
    { uuid: 'Int64' },
    { uuid: 'string' },
    /t_raw\.uuid is Int64 and part of the sorting key/,
  ],
];
for (const [name, have, want, expected] of actions) {
  test(`a schema with ${name} causes ${expected instanceof RegExp ? 'an error' : expected.join(', ') || 'no change'}`, () => {
    const actionsOf = () =>
      evolutionActions('t_raw', shape([...table(have), ...systemColumns]), asWritten(schemaOf(want)));
    if (!(expected instanceof RegExp)) assert.deepEqual(actionsOf(), expected);
    else
      assert.throws(
        actionsOf,
        (error) => error instanceof IncompatibleSchemaError && expected.test(error.message),
      );
  });
}

test('evolutionActions accepts a number for a text column only from an older schema', () => {
  const have = shape([...table({ uuid: 'String', a: 'String' }), ...systemColumns]);
  const older = asWritten(schemaOf({ uuid: 'string', a: ['null', 'long'] }));
  assert.deepEqual(evolutionActions('t_raw', have, older, true), ['MODIFY COLUMN `a` Nullable(String)']);
  assert.throws(() => evolutionActions('t_raw', have, older), IncompatibleSchemaError);
});

test('evolutionActions adds the system columns that a table lacks', () => {
  const found = evolutionActions(
    't_raw',
    shape(table({ uuid: 'String' })),
    asWritten(schemaOf({ uuid: 'string' })),
  );
  assert.deepEqual(
    found.map((action) => /`(\w+)`/.exec(action)?.[1]),
    systemColumns.map(({ name }) => name),
  );
});

test('evolutionActions escapes quotes and backslashes in column comments', () => {
  const [action] = evolutionActions('t', shape([]), asWritten(schemaOf({ uuid: 'string' }, "it's \\")));
  assert.equal(action, "ADD COLUMN IF NOT EXISTS `uuid` String COMMENT 'it\\'s \\\\'");
});

for (const stream of streamNames) {
  const known = readStreamSchema(stream);
  const schema = asWritten(known);

  test(`the table of ${stream} has each column once and is sorted by the primary key`, () => {
    const [sql = ''] = createTableSql(`${stream}_raw`, schema, '0', alone);
    const names = [...sql.matchAll(/^ {2}`(\w+)` /gm)].map(([, name]) => name);
    assert.deepEqual(names, [
      ...[...fieldColumns(schema), ...systemColumns].map(({ name }) => name),
      '_table_0',
    ]);
    assert.equal(new Set(names).size, names.length);
    assert.match(sql, /ENGINE = ReplacingMergeTree\(_version, _deleted\)/);
    assert.ok(sql.includes(`ORDER BY (\`${known.primaryKey.join('`, `')}\`)`));
    assert.deepEqual(
      evolutionActions(stream, shape([...fieldColumns(schema), ...systemColumns]), schema),
      [],
    );
  });

  test(`a new field of ${stream} adds one column and changes nothing else`, () => {
    const learned = evolve(known, [{ path: [], name: 'website__v_json', kind: 'json' }]);
    const found = evolutionActions(
      stream,
      shape([...fieldColumns(schema), ...systemColumns]),
      asWritten(learned),
    );
    assert.equal(found.length, 1);
    assert.match(found[0] ?? '', /^ADD COLUMN IF NOT EXISTS `website__v_json` Nullable\(String\)/);
  });
}
