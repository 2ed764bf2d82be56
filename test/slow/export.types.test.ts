import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { createStorageTable, duckRows, exportFolder, exportTo } from '../helpers/exported.ts';
import { noPostgres, rowsIn, startPostgres } from '../helpers/own-postgres.ts';
import { createSettings } from '../helpers/settings.ts';

interface Case {
  readonly type: string;
  /** The value as ClickHouse SQL. */
  readonly value: string;
  /** The text that DuckDB reads from Parquet and from its own table. */
  readonly duck: string | null;
  readonly duckType: string;
  /** The text that PostgreSQL contains; by default, the same text as in DuckDB. */
  readonly pg?: string | null;
  readonly pgType: string;
}

const digits76 = `${'1234567890'.repeat(6)}123456.0123456789`;
const mixed = 'Tuple(a Nullable(Int64), `b c` Nullable(String), list Array(Nullable(String)))';

/** Every type in our schemas and conformance scripts, at its limits. */
const cases: Readonly<Record<string, Case>> = {
  long_max: {
    type: 'Int64',
    value: '9223372036854775807',
    duck: '9223372036854775807',
    duckType: 'BIGINT',
    pgType: 'bigint',
  },
  long_min: {
    type: 'Nullable(Int64)',
    value: 'toInt64(-9223372036854775807) - 1',
    duck: '-9223372036854775808',
    duckType: 'BIGINT',
    pgType: 'bigint',
  },
  long_null: { type: 'Nullable(Int64)', value: 'NULL', duck: null, duckType: 'BIGINT', pgType: 'bigint' },
  int_min: {
    type: 'Int32',
    value: '-2147483648',
    duck: '-2147483648',
    duckType: 'INTEGER',
    pgType: 'integer',
  },
  int8: { type: 'Int8', value: '-128', duck: '-128', duckType: 'TINYINT', pgType: 'smallint' },
  uint16: { type: 'UInt16', value: '65535', duck: '65535', duckType: 'USMALLINT', pgType: 'integer' },
  uint32: { type: 'UInt32', value: '4294967295', duck: '4294967295', duckType: 'UINTEGER', pgType: 'bigint' },
  uint64: {
    type: 'UInt64',
    value: '18446744073709551615',
    duck: '18446744073709551615',
    duckType: 'UBIGINT',
    pgType: 'numeric',
  },
  uint128: {
    type: 'UInt128',
    value: "toUInt128('340282366920938463463374607431768211455')",
    duck: '340282366920938463463374607431768211455',
    duckType: 'VARCHAR',
    pgType: 'numeric',
  },
  boolean: { type: 'Bool', value: 'true', duck: 'true', duckType: 'BOOLEAN', pgType: 'boolean' },
  float: { type: 'Float32', value: 'toFloat32(0.1)', duck: '0.1', duckType: 'FLOAT', pgType: 'real' },
  double_max: {
    type: 'Float64',
    value: '1.7976931348623157e308',
    duck: '1.7976931348623157e+308',
    duckType: 'DOUBLE',
    pgType: 'double precision',
  },
  double_least: {
    type: 'Float64',
    value: '5e-324',
    duck: '5e-324',
    duckType: 'DOUBLE',
    pgType: 'double precision',
  },
  minus_infinity: {
    type: 'Float64',
    value: '-inf',
    duck: '-inf',
    duckType: 'DOUBLE',
    pg: '-Infinity',
    pgType: 'double precision',
  },
  not_a_number: {
    type: 'Float64',
    value: 'nan',
    duck: 'nan',
    duckType: 'DOUBLE',
    pg: 'NaN',
    pgType: 'double precision',
  },
  empty: { type: 'String', value: "''", duck: '', duckType: 'VARCHAR', pgType: 'text' },
  emoji: {
    type: 'Nullable(String)',
    value: "'😀 ü 漢'",
    duck: '😀 ü 漢',
    duckType: 'VARCHAR',
    pgType: 'text',
  },
  escapes: {
    type: 'String',
    value: String.raw`'\\.\n\\N\t"\'\\'`,
    duck: '\\.\n\\N\t"\'\\',
    duckType: 'VARCHAR',
    pgType: 'text',
  },
  nul: {
    type: 'Nullable(String)',
    value: String.raw`'a\0b'`,
    duck: 'a\0b',
    duckType: 'VARCHAR',
    pg: 'a\u2400b',
    pgType: 'text',
  },
  not_utf8: {
    type: 'String',
    value: "unhex('ff41fe')",
    duck: '\\xff41fe',
    duckType: 'VARCHAR',
    pgType: 'text',
  },
  fixed: {
    type: 'FixedString(2)',
    value: "unhex('ff00')",
    duck: '\\xff00',
    duckType: 'VARCHAR',
    pgType: 'text',
  },
  low: {
    type: 'LowCardinality(Nullable(String))',
    value: "'x'",
    duck: 'x',
    duckType: 'VARCHAR',
    pgType: 'text',
  },
  enumeration: {
    type: "Nullable(Enum8('a' = 1, 'b c' = -3))",
    value: "'b c'",
    duck: 'b c',
    duckType: 'VARCHAR',
    pgType: 'text',
  },
  uuid: {
    type: 'Nullable(UUID)',
    value: "'0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0'",
    duck: '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0',
    duckType: 'UUID',
    pgType: 'uuid',
  },
  date_first: { type: 'Date32', value: "'1900-01-01'", duck: '1900-01-01', duckType: 'DATE', pgType: 'date' },
  date_last: {
    type: 'Nullable(Date32)',
    value: "'2299-12-31'",
    duck: '2299-12-31',
    duckType: 'DATE',
    pgType: 'date',
  },
  old_date: { type: 'Date', value: "'2149-06-06'", duck: '2149-06-06', duckType: 'DATE', pgType: 'date' },
  time_first: {
    type: "DateTime64(3, 'UTC')",
    value: "'1900-01-01 00:00:00.001'",
    duck: '1900-01-01 00:00:00.001+00',
    duckType: 'TIMESTAMP WITH TIME ZONE',
    pgType: 'timestamp with time zone',
  },
  time_last: {
    type: "Nullable(DateTime64(6, 'UTC'))",
    value: "'2299-12-31 23:59:59.999999'",
    duck: '2299-12-31 23:59:59.999999+00',
    duckType: 'TIMESTAMP WITH TIME ZONE',
    pgType: 'timestamp with time zone',
  },
  nanos: {
    type: "Nullable(DateTime64(9, 'UTC'))",
    value: "'1969-12-31 23:59:59.123456789'",
    duck: '1969-12-31 23:59:59.123456+00',
    duckType: 'TIMESTAMP WITH TIME ZONE',
    pgType: 'timestamp with time zone',
  },
  nanos_last: {
    type: "DateTime64(9, 'UTC')",
    value: "'2262-04-11 23:47:16.854775807'",
    duck: '2262-04-11 23:47:16.854775+00',
    duckType: 'TIMESTAMP WITH TIME ZONE',
    pgType: 'timestamp with time zone',
  },
  other_zone: {
    type: "DateTime64(3, 'Asia/Tokyo')",
    value: "'2026-06-01 09:00:00.000'",
    duck: '2026-06-01 00:00:00+00',
    duckType: 'TIMESTAMP WITH TIME ZONE',
    pgType: 'timestamp with time zone',
  },
  seconds: {
    type: "DateTime('UTC')",
    value: "'2106-02-07 06:28:15'",
    duck: '2106-02-07 06:28:15+00',
    duckType: 'TIMESTAMP WITH TIME ZONE',
    pgType: 'timestamp with time zone',
  },
  decimal: {
    type: 'Decimal(38, 10)',
    value: "'-1234567890123456789012345678.0123456789'",
    duck: '-1234567890123456789012345678.0123456789',
    duckType: 'DECIMAL(38,10)',
    pgType: 'numeric',
  },
  decimal_76: {
    type: 'Nullable(Decimal(76, 10))',
    value: `toDecimal256('${digits76}', 10)`,
    duck: digits76,
    duckType: 'VARCHAR',
    pgType: 'numeric',
  },
  variant: {
    type: 'Variant(Int64, String)',
    value: "CAST('x', 'Variant(Int64, String)')",
    duck: '"x"',
    duckType: 'VARCHAR',
    pgType: 'jsonb',
  },
  variant_null: {
    type: 'Variant(Int64, String)',
    value: "CAST(NULL, 'Variant(Int64, String)')",
    duck: null,
    duckType: 'VARCHAR',
    pgType: 'jsonb',
  },
  json_text: {
    type: 'String',
    value: `'{"a.b": [null, 9007199254740993]}'`,
    duck: '{"a.b": [null, 9007199254740993]}',
    duckType: 'VARCHAR',
    pgType: 'text',
  },
  nulls_in_array: {
    type: 'Array(Nullable(String))',
    value: String.raw`[NULL, '', 'a\0b', unhex('ff')]`,
    duck: "[NULL, '', a\0b, \\xff]",
    duckType: 'VARCHAR[]',
    pg: '[null, "", "a\u2400b", "\\\\xff"]',
    pgType: 'jsonb',
  },
  no_items: {
    type: 'Array(Int64)',
    value: "CAST([], 'Array(Int64)')",
    duck: '[]',
    duckType: 'BIGINT[]',
    pgType: 'jsonb',
  },
  arrays: {
    type: 'Array(Array(Int64))',
    value: '[[9223372036854775807], []]',
    duck: '[[9223372036854775807], []]',
    duckType: 'BIGINT[][]',
    pgType: 'jsonb',
  },
  map: {
    type: 'Map(String, Array(Nullable(Int64)))',
    value: "map('k ü', [1, NULL])",
    duck: '{k ü=[1, NULL]}',
    duckType: 'MAP(VARCHAR, BIGINT[])',
    pg: '{"k ü": [1, null]}',
    pgType: 'jsonb',
  },
  tuple: {
    type: mixed,
    value: `CAST((1, 'x', [NULL]), '${mixed}')`,
    duck: `{'a': 1, 'b c': x, 'list': [NULL]}`,
    duckType: 'STRUCT(a BIGINT, "b c" VARCHAR, list VARCHAR[])',
    pg: '{"a": 1, "b c": "x", "list": [null]}',
    pgType: 'jsonb',
  },
  tuples: {
    type: "Array(Tuple(at DateTime64(3, 'UTC'), n Decimal(38, 2)))",
    value: "[CAST(('1900-01-01 00:00:00.001', 1.5), 'Tuple(at DateTime64(3, \\'UTC\\'), n Decimal(38, 2))')]",
    duck: "[{'at': '1900-01-01 00:00:00.001+00', 'n': 1.50}]",
    duckType: 'STRUCT("at" TIMESTAMP WITH TIME ZONE, n DECIMAL(38,2))[]',
    pg: '[{"n": 1.5, "at": "1900-01-01 00:00:00.001"}]',
    pgType: 'jsonb',
  },
  infinity_in_tuple: {
    type: 'Tuple(n Float64, s String)',
    value: String.raw`CAST((inf, '\\u0000\0'), 'Tuple(n Float64, s String)')`,
    duck: "{'n': inf, 's': \\u0000\0}",
    duckType: 'STRUCT(n DOUBLE, s VARCHAR)',
    pg: '{"n": "inf", "s": "\\\\u0000\u2400"}',
    pgType: 'jsonb',
  },
};
const names = Object.keys(cases);

test(
  'each type reaches Parquet, DuckDB and PostgreSQL with the expected value',
  { skip: noPostgres },
  async (t) => {
    const settings = createSettings(t);
    const columns = names.map((name) => `${name} ${cases[name]?.type ?? ''}`);
    const { insert } = await createStorageTable(settings, 'types', ['id String', ...columns]);
    await insert(["'a'", ...names.map((name) => `${cases[name]?.value ?? ''} AS ${name}`)].join(', '));

    const folder = exportFolder(t);
    await exportTo(settings, `parquet:${folder}`);
    await exportTo(settings, `duckdb:${join(folder, 'a.duckdb')}`);
    const url = await startPostgres(t);
    await exportTo(settings, url.href);

    const duckList = names.map(
      (name) => `t."${name}"::VARCHAR AS "${name}", typeof(t."${name}") AS "${name} type"`,
    );
    const zone = "SET TimeZone = 'UTC'; ";
    const [fromParquet] = await duckRows(
      `${zone}SELECT ${duckList.join(', ')} FROM read_parquet('${folder}/types.parquet') AS t`,
    );
    const [fromDuck] = await duckRows(
      `${zone}SELECT ${duckList.join(', ')} FROM chartmogul.types AS t`,
      join(folder, 'a.duckdb'),
    );
    const pgList = names.map(
      (name) => `t."${name}"::text AS "${name}", pg_typeof(t."${name}")::text AS "${name} type"`,
    );
    const query = `SELECT ${pgList.join(', ')} FROM chartmogul.types AS t`;
    const [fromPostgres] = await rowsIn(url, query);
    const seen = { Parquet: fromParquet, DuckDB: fromDuck, PostgreSQL: fromPostgres };
    for (const [place, row] of Object.entries(seen)) {
      const got = Object.fromEntries(names.map((name) => [name, [row?.[name], row?.[`${name} type`]]]));
      const wanted = names.map((name) => {
        const { duck, duckType, pg = duck, pgType } = cases[name] ?? assert.fail();
        return [name, place === 'PostgreSQL' ? [pg, pgType] : [duck, duckType]];
      });
      assert.deepEqual(got, Object.fromEntries(wanted), place);
    }
  },
);
