import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ddlText } from '../../../../operations/export/ddl/ddl.ts';
import { schemaViews } from '../../../../operations/export/ddl/ddl-views.ts';
import {
  warehouseNames,
  warehouses,
  type WarehouseName,
} from '../../../../operations/export/ddl/warehouses.ts';
import { exportedTypeOf } from '../../../../operations/export/exported-type.ts';

interface Documented {
  readonly source: string;
  readonly types: readonly RegExp[];
}

const upTo = (max: number) => (digits: string) => Number(digits) <= max;

/** The types that each system documents, with their limits. */
const documented: Readonly<Record<WarehouseName, Documented>> = {
  snowflake: {
    source: 'https://docs.snowflake.com/en/sql-reference/intro-summary-data-types',
    types: [
      /^NUMBER\((\d+), \d+\)$/,
      /^FLOAT$/,
      /^VARCHAR$/,
      /^BINARY\(16\)$/,
      /^BOOLEAN$/,
      /^DATE$/,
      /^TIMESTAMP_LTZ\(6\)$/,
      /^VARIANT$/,
    ],
  },
  bigquery: {
    source: 'https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types',
    types: [
      /^INT64$/,
      /^(?:BIG)?NUMERIC\((\d+), \d+\)$/,
      /^FLOAT64$/,
      /^BOOL$/,
      /^STRING$/,
      /^BYTES$/,
      /^DATE$/,
      /^TIMESTAMP$/,
      /^ARRAY<(?!ARRAY).*>$/,
      /^STRUCT<.*>$/,
    ],
  },
  redshift: {
    source: 'https://docs.aws.amazon.com/redshift/latest/dg/c_Supported_data_types.html',
    types: [
      /^SMALLINT$/,
      /^INTEGER$/,
      /^BIGINT$/,
      /^DECIMAL\((\d+), \d+\)$/,
      /^REAL$/,
      /^DOUBLE PRECISION$/,
      /^BOOLEAN$/,
      /^VARCHAR\((?:100|65535)\)$/,
      /^DATE$/,
      /^TIMESTAMP$/,
      /^SUPER$/,
      /^VARBYTE\(16\)$/,
    ],
  },
  databricks: {
    source: 'https://docs.databricks.com/en/sql/language-manual/sql-ref-datatypes.html',
    types: [
      /^TINYINT$/,
      /^SMALLINT$/,
      /^INT$/,
      /^BIGINT$/,
      /^DECIMAL\((\d+), \d+\)$/,
      /^FLOAT$/,
      /^DOUBLE$/,
      /^BOOLEAN$/,
      /^STRING$/,
      /^BINARY$/,
      /^DATE$/,
      /^TIMESTAMP$/,
      /^ARRAY<.*>$/,
      /^MAP<.*>$/,
      /^STRUCT<.*>$/,
    ],
  },
};

const others = [
  ...['Int8', 'UInt8', 'UInt16', 'UInt32', 'UInt64', 'UInt128', 'Float32', 'UUID', 'Date', 'FixedString(3)'],
  ...[
    'Decimal(38, 10)',
    'Decimal(76, 10)',
    'Variant(Int64, String)',
    'Map(String, Array(Int64))',
    'Array(Array(Int64))',
  ],
  ...[
    "Enum8('a' = 1)",
    "DateTime64(9, 'UTC')",
    'Tuple(a Nullable(Int64), `b c` Array(String))',
    'JSON',
    'IPv4',
  ],
];
const columns = schemaViews(undefined).flatMap((view) => view.columns);

for (const name of warehouseNames) {
  test(`every column type of the streams becomes a type that ${name} documents`, () => {
    const { types } = documented[name];
    const all = [...new Set([...columns.map(({ type }) => type), ...others])];
    assert.ok(all.length > 25);
    for (const type of all) {
      const sql = warehouses[name].typeOf(exportedTypeOf(type));
      const match = types.map((pattern) => pattern.exec(sql)).find((found) => found !== null);
      assert.ok(match, `${type} becomes ${sql}`);
      assert.ok(upTo(38)(match[1] ?? '0'), sql);
    }
  });

  test(`the DDL for ${name} has a table and a load statement for every stream`, () => {
    const text = ddlText(name, schemaViews(undefined));
    const statements = text.split(/;\n/).filter((statement) => statement.trim() !== '');
    const tables = statements.filter((statement) => statement.includes('CREATE TABLE IF NOT EXISTS'));
    const loads = statements.filter((statement) => /^(COPY|LOAD DATA)/.test(statement));
    assert.equal(tables.length, schemaViews(undefined).length);
    assert.equal(loads.length, tables.length);
    assert.ok(loads.some((load) => load.includes('customers.parquet')));
    assert.ok(tables.every((table) => table.includes('_changed_at')));
  });
}

test('names and comments are quoted as each system requires', () => {
  const view = { name: 'a', columns: [{ name: 'b`"c', type: 'String', comment: "it's \\ here" }] };
  const lines = warehouseNames.map((name) =>
    ddlText(name, [view])
      .split('\n')
      .find((line) => line.startsWith('  ')),
  );
  assert.deepEqual(lines, [
    `  "b\`""c" VARCHAR COMMENT 'it''s \\\\ here'`,
    `  \`b\\\`"c\` STRING OPTIONS (description = 'it\\'s \\\\ here')`,
    `  "b\`""c" VARCHAR(65535)`,
    `  \`b\`\`"c\` STRING COMMENT 'it\\'s \\\\ here'`,
  ]);
});

test('quoted escapes every character that would end a quoted column name', () => {
  const name = 'a\\` STRING, `b"\r\n';
  assert.equal(warehouses.bigquery.quoted(name), '`a\\\\\\` STRING, \\`b"\\r\\n`');
  assert.equal(warehouses.databricks.quoted('a` b'), '`a`` b`');
  assert.equal(warehouses.snowflake.quoted('a" b'), '"a"" b"');
});
