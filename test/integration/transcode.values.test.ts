import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { createClient, type ClickHouseClient, type ClickHouseSettings } from '@clickhouse/client';
import fc from 'fast-check';
import { parseWriterSchema } from '../../consumers/schema/writer-schema.ts';
import type { WriterSchema } from '../../consumers/schema/writer-type.ts';
import { type Column, type ColumnType } from '../../consumers/column/column-type.ts';
import { parseColumnType } from '../../consumers/column/parse-column-type.ts';
import { compileRowTranscoder } from '../../consumers/transcode/compile.ts';
import { RowBuffer } from '../../consumers/transcode/row-buffer.ts';
import { ByteWriter } from '../../core/avro/byte-writer.ts';
import { literal, quoted } from '../../core/clickhouse/client.ts';
import { loadSettings } from '../../core/settings/config.ts';
import { userOf } from '../helpers/clickhouse-client.ts';
import { choicesOf, encode } from '../fixtures/avro-encoder.ts';
import {
  avscType,
  namesOf,
  scalarSchemas,
  schemaOfField,
  schemas,
  valuesOf,
  type Schema,
  type SchemaObject,
} from '../fixtures/avro-schemas.ts';
import { hasRawBytes, shownRow } from '../fixtures/shown.ts';
import { columnsOf, existingTypes, typeOf, widenedOr } from '../fixtures/tables.ts';

const shape: ClickHouseSettings = {
  allow_suspicious_variant_types: 1,
  allow_suspicious_low_cardinality_types: 1,
  // By default, the server changes a date or time that is out of range.
  date_time_overflow_behavior: 'throw',
};
const database = `transcode_${process.pid}`;
let client: ClickHouseClient;

before(async () => {
  const { clickhouse } = loadSettings(process.env, '');
  client = createClient({
    url: clickhouse.url,
    ...userOf(clickhouse),
    log: { level: 127 },
    request_timeout: 60_000,
  });
  await client.command({ query: `CREATE DATABASE IF NOT EXISTS ${database}` });
});
after(async () => {
  await client.command({ query: `DROP DATABASE IF EXISTS ${database}` });
  await client.close();
});

let tables = 0;

/** Creates a table and returns its name. */
async function tableOf(columns: readonly Column[]): Promise<string> {
  const name = `${database}.t${tables++}`;
  const definitions = columns.map((column) => `${quoted(column.name)} ${column.type.text}`);
  const query = `CREATE TABLE ${name} (_row UInt32, ${definitions.join(', ')}) ENGINE = MergeTree ORDER BY _row`;
  await client.command({ query, clickhouse_settings: shape });
  return name;
}

/**
 * Returns the columns as the server prints them, without the row number. Asserts that every type
 * can be parsed.
 */
async function columnsIn(table: string): Promise<Column[]> {
  const query = `SELECT name, type FROM system.columns WHERE database || '.' || table = '${table}' ORDER BY position`;
  return (await answer(query)).slice(1).map((row) => {
    const [name, printed] = [String(row['name']), String(row['type'])];
    const type = parseColumnType(printed);
    assert.ok(type, `${printed} cannot be parsed`);
    assert.equal(type.text, printed);
    return { name, type };
  });
}

async function answer(query: string): Promise<Record<string, unknown>[]> {
  const result = await client.exec({
    query: `${query} FORMAT JSONEachRow`,
    clickhouse_settings: {
      ...shape,
      output_format_json_quote_64bit_integers: 1,
      output_format_json_quote_decimals: 1,
      output_format_json_quote_denormals: 1,
      output_format_decimal_trailing_zeros: 1,
    },
  });
  const lines = (await text(result.stream)).split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Inserts messages through a transcoder for the current columns. Numbers the rows from `first`. */
async function insert(
  table: string,
  schema: WriterSchema,
  columns: readonly Column[],
  messages: readonly Buffer[],
  first = 0,
): Promise<void> {
  const header = new ByteWriter();
  const all = [...columns, { name: '_row', type: typeOf('UInt32') }];
  header.varint(all.length);
  for (const value of [...all.map(({ name }) => name), ...all.map(({ type }) => type.text)]) {
    const bytes = Buffer.from(value);
    header.sizedBytes(bytes, 0, bytes.length);
  }
  const { transcode } = compileRowTranscoder(schema, columns, []);
  const rows = new RowBuffer();
  for (const [index, message] of messages.entries()) {
    transcode(message, 0, rows);
    rows.reserve(4).writeUInt32LE(first + index, rows.length);
    rows.length += 4;
  }
  const names = all.map(({ name }) => quoted(name)).join(', ');
  const { stream } = await client.exec({
    query: `INSERT INTO ${table} (${names}) FORMAT RowBinaryWithNamesAndTypes`,
    values: Readable.from([header.view(), rows.bytes.subarray(0, rows.length)], { objectMode: false }),
    clickhouse_settings: { async_insert: 0 },
  });
  stream.resume();
  await finished(stream);
}

function hasColumns(schema: SchemaObject): boolean {
  return columnsOf(parseWriterSchema(JSON.stringify(schema), 'schema')).length > 0;
}

test('ClickHouse shows messages of any schema as avsc decodes them', async () => {
  const cases = fc.sample(
    schemas.filter((schema) => !hasRawBytes(schema) && hasColumns(schema)),
    { numRuns: 30, seed: 11 },
  );
  for (const json of cases) {
    const names = namesOf(json);
    const schema = parseWriterSchema(JSON.stringify(json), 'schema');
    const table = await tableOf(columnsOf(schema));
    const columns = await columnsIn(table);
    const values = fc.sample(valuesOf(json, names), { numRuns: 8, seed: 3 });
    const messages = values.map((value, index) => encode(json, value, names, choicesOf([index, 3, 8, 1])));
    await insert(table, schema, columns, messages);
    const rows = await answer(`SELECT * EXCEPT _row FROM ${table} ORDER BY _row`);
    const decoded = messages.map((message) => avscType(json).fromBuffer(message) as unknown);
    assert.deepEqual(
      rows,
      decoded.map((value) => shownRow(columns, json.fields ?? [], value, names)),
      JSON.stringify(json),
    );
    await client.command({ query: `DROP TABLE ${table}` });
  }
});

// ── Widening ───────────────────────────────────────────────────────────────────────────────────

/** Writer types that together produce every column type that writers create. */
const written: readonly Schema[] = [
  ...scalarSchemas.filter((type) => !hasRawBytes(type)),
  { type: 'array', items: 'int' },
  { type: 'map', values: ['null', 'float'] },
  {
    type: 'array',
    items: {
      type: 'record',
      name: 'R',
      fields: [
        { name: 'a', type: 'int' },
        { name: 'b', type: ['null', 'long'] },
      ],
    },
  },
  ['null', 'int', 'string'],
  ['int', 'boolean'],
];
const wanted: readonly ColumnType[] = [
  ...existingTypes.map(typeOf),
  ...['Array(Nullable(Int64))', 'Map(String, Nullable(Float64))', 'Variant(Date32, String, UUID)'].map(
    typeOf,
  ),
  typeOf('Array(Tuple(c Nullable(String), a Int64, d Array(String), e Map(String, Int8), f Tuple(g Bool)))'),
];

/** Returns the types to which a column is widened so that it also stores each wanted type. */
function widenedBy(have: ColumnType, wants: readonly ColumnType[]): ColumnType[] {
  const wide = wants
    .map((want) => widenedOr(have, want))
    .filter((type) => type !== undefined && type !== have);
  return [...new Map(wide.map((type) => [type?.text, type])).values()].filter((type) => type !== undefined);
}

test('a value stored before its column is widened reads like the same value stored later', async () => {
  let pairs = 0;
  for (const type of written) {
    const results = widenedBy(columnOfWriter(type), wanted);
    if (results.length === 0) continue;
    pairs += results.length;
    const json = schemaOfField(type, results.length);
    const names = namesOf(json);
    const schema = parseWriterSchema(JSON.stringify(json), 'schema');
    const own = columnsOf(schema);
    const values = fc.sample(valuesOf(json.fields?.[0]?.type ?? 'null', names), { numRuns: 12, seed: 5 });
    // Every column has the same value, and each column is widened differently.
    const messages = values.map((value) => {
      const record = Object.fromEntries(own.map(({ name }) => [name, value]));
      return encode(json, record, names, () => 0);
    });
    const table = await tableOf(own);
    await insert(table, schema, await columnsIn(table), messages);
    const counts = own.map(({ name }) => `uniqExact(toString(${name})) AS ${name}`).join(', ');
    const before = await answer(`SELECT ${counts} FROM ${table}`);
    await modify(table, own, results);
    await insert(table, schema, await columnsIn(table), messages, 1000);
    const rows = await answer(`SELECT * FROM ${table} ORDER BY _row`);
    const after = await answer(`SELECT ${counts} FROM ${table}`);
    for (const [index, wide] of results.entries()) {
      const { name = '', type: narrow } = own[index] ?? {};
      const read = rows.map((row) => row[name]);
      const label = `${String(narrow?.text)} → ${wide.text}`;
      assert.deepEqual(read.slice(0, messages.length), read.slice(messages.length), label);
      assert.equal(after[0]?.[name], before[0]?.[name], `${label}: different values have become one`);
    }
    await client.command({ query: `DROP TABLE ${table}` });
  }
  assert.ok(pairs > 80, String(pairs));
});

/** Column types that only users create, with values that every widening must preserve. */
const byHand: readonly (readonly [have: string, values: string])[] = [
  ['Int8', '-128, 127, 0'],
  ['Int16', '-32768, 32767'],
  ['UInt8', '255, 0'],
  ['UInt16', '65535, 0'],
  ['UInt32', '4294967295, 0'],
  ['UInt64', '18446744073709551615, 0'],
  ['Date', "'1970-01-01', '2149-06-06'"],
  ["DateTime('UTC')", "'1970-01-01 00:00:00', '2106-02-07 06:28:14'"],
  ["DateTime64(3, 'Europe/Berlin')", "'1900-01-02 00:00:00.001', '2299-12-30 23:59:59.999'"],
  ["Enum8('RED' = -3, 'OLD' = 7)", "'RED', 'OLD'"],
  ['LowCardinality(Int32)', '-2147483648, 2147483647'],
  ['Nullable(Int32)', 'NULL, 0, -1'],
  ['Nullable(UUID)', "NULL, '61f0c404-5cb3-11e7-907b-a6006ad3dba0'"],
];
const wantedByWriters = [
  ...new Map(scalarSchemas.map((type) => columnOfWriter(type)).map((type) => [type.text, type])).values(),
];

function columnOfWriter(type: Schema): ColumnType {
  const [column] = columnsOf(parseWriterSchema(JSON.stringify(schemaOfField(type)), 'schema'));
  assert.ok(column);
  return column.type;
}

test('values in manually created columns survive every widening', async () => {
  let pairs = 0;
  for (const [text, values] of byHand) {
    const have = typeOf(text);
    const results = widenedBy(have, wantedByWriters);
    pairs += results.length;
    const own = results.map((_, index) => ({ name: `a${index}`, type: have }));
    const table = await tableOf([...own, { name: 'kept', type: have }]);
    const copies = [...own, 'kept'].map(() => 'v').join(', ');
    await client.command({
      query:
        `INSERT INTO ${table} SELECT rowNumberInAllBlocks(), ${copies} ` +
        `FROM (SELECT CAST(arrayJoin([${values}]) AS ${text}) AS v)`,
      clickhouse_settings: shape,
    });
    await modify(table, own, results);
    const backs = results.map((wide, index) => {
      const isMember = wide.kind === 'variant';
      const back = isMember ? `variantElement(a${index}, ${literal(text)})` : `CAST(a${index} AS ${text})`;
      return `toString(${back}) AS a${index}`;
    });
    const rows = await answer(
      `SELECT ${backs.join(', ')}, toString(kept) AS kept FROM ${table} ORDER BY _row`,
    );
    assert.ok(rows.length > 1);
    for (const [index, wide] of results.entries()) {
      for (const row of rows) assert.equal(row[`a${index}`], row['kept'], `${text} → ${wide.text}`);
    }
    await client.command({ query: `DROP TABLE ${table}` });
  }
  assert.ok(pairs > 30, String(pairs));
});

async function modify(
  table: string,
  columns: readonly Column[],
  types: readonly ColumnType[],
): Promise<void> {
  const actions = types.map((type, index) => `MODIFY COLUMN ${columns[index]?.name ?? ''} ${type.text}`);
  await client.command({
    query: `ALTER TABLE ${table} ${actions.join(', ')}`,
    clickhouse_settings: { ...shape, mutations_sync: '1', alter_sync: '1' },
  });
}
