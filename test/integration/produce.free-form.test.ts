import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { freeFormText } from '../../core/free-form.ts';
import { parseJson, type JsonValue } from '../../core/json.ts';
import { createApiServer } from '../helpers/api-server.ts';
import { createTestClient, userOf } from '../helpers/clickhouse-client.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { createSettings } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';

const nested = (open: string, levels: number, close: string) => open.repeat(levels) + close.repeat(levels);

/** JSON values at or beyond the limits of ClickHouse. */
const edges: readonly string[] = [
  ...['18446744073709551615', '18446744073709551616', '-9223372036854775808', '-9223372036854775809'],
  ...['1e19', '1e20', '-1e19', '-9223372036854775808.0', '18446744073709551616.0', '18446744073709551615.0'],
  ...['99999999999999.99', '12345678901234567.25', '1e400', '-1e400', '1e-400', '1.7976931348623159e308'],
  ...['1.8e308', '-0', '0e999', '1E+2', '9'.repeat(400), `${'9'.repeat(400)}.5`, `1.${'9'.repeat(5_000)}`],
  ...['"\\ud800"', '"\\udc00x"', '"\\u0000"', '{"\\ud800":1,"\\udc00":2}', '{"\\u0000":1}', '{"":{"":1}}'],
  ...['{"a":1,"a":18446744073709551616}', '{"__proto__":18446744073709551616}', '"\\ufffdd800"'],
  ...[
    nested('[', 999, ']'),
    nested('[', 1_000, ']'),
    nested('[', 1_500, ']'),
    nested('{"a":', 1_500, '}').replace('}', '1}'),
  ],
];

const hostile = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }).map(String),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
    fc
      .tuple(fc.bigInt({ min: 0n, max: 10n ** 30n }), fc.nat(10 ** 9), fc.integer({ min: -400, max: 400 }))
      .map(([integer, fraction, power]) => `${integer}.${fraction}e${power}`),
    fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify(text)),
    fc.constantFrom(...edges),
    fc.array(tie('value'), { maxLength: 3 }).map((items) => `[${items.join()}]`),
    fc
      .array(fc.tuple(fc.string(), tie('value')), { maxLength: 3 })
      .map((members) => `{${members.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join()}}`),
  ),
}));

test('ClickHouse can read every free-form text and all its top-level keys', async (t) => {
  const settings = createSettings(t);
  const client = createTestClient(t, settings.clickhouse.url, userOf(settings.clickhouse));
  const values = [...edges, ...fc.sample(hostile.value, 2_000)];
  await client.command({ query: `CREATE DATABASE ${settings.clickhouse.database}` });
  const table = `${settings.clickhouse.database}.texts`;
  await client.command({ query: `CREATE TABLE ${table} (id UInt32, text String) ENGINE = Memory` });
  const texts = values.map((value) => freeFormText(parseJson(`{"first":${value},"last":7}`)));
  await client.insert({ table, values: texts.map((text, id) => ({ id, text })), format: 'JSONEachRow' });
  const rows = await client.query({
    query: `SELECT id FROM ${table} WHERE NOT isValidJSON(text) OR JSONExtractKeys(text) != ['first', 'last']
      OR JSONExtract(text, 'last', 'Nullable(Int64)') IS DISTINCT FROM 7 OR JSONType(text, 'first') = 'Null'
      OR JSONExtractKeys(toNullable(text)::String) != ['first', 'last']`,
    format: 'JSONEachRow',
  });
  const unreadable = (await rows.json<{ id: number }>()).map(({ id }) => texts[id]?.slice(0, 200));
  assert.deepEqual(unreadable, []);
});

test('numbers and lone surrogates keep all information from source to table', async (t) => {
  const records = [
    `{"uuid":"a","free":{"n":99999999999999.99,"big":18446744073709551616,"huge":1e400,"last":7},"rate":0.5}`,
    `{"uuid":"b","free":{"n":12345678901234567.25},"rate":99999999999999.99}`,
    `{"uuid":"c","rate":"99999999999999.99"}`,
    `{"uuid":"d","rate":"1.10","interval_count":18446744073709551616}`,
    `{"uuid":"e\\ud800","name":"\\ud83d","free":{"\\ud83d":"\\ude00"}}`,
    `{"uuid":"e\\ud801","name":"\\ud83e"}`,
  ];
  let answer = records;
  const { baseUrl } = await createApiServer(t, {
    '/plans': (_, response) => response.end(`{"plans":[${answer.join()}],"has_more":false}`),
  });
  const settings = createSettings(t, baseUrl);
  const run = async () => {
    const [counts] = await produceStreams(settings, 'plans');
    assert.equal(counts?.failure, undefined);
    return counts?.messages;
  };
  assert.equal(await run(), records.length);
  assert.equal(await run(), 0);
  // The change is beyond the seventeenth digit.
  answer = records.with(1, records[1]?.replace('567.25', '567.2500000000000000001') ?? '');
  assert.equal(await run(), 1);
  await sinkStreams(settings, 'plans');
  const rows = await rowsOf(
    settings,
    `SELECT uuid, name, free, rate, rate__v_string AS text, interval_count__v_json AS json,
      JSONExtract(free, 'last', 'Nullable(Int64)') AS last FROM plans ORDER BY uuid`,
  );
  const nothing = { name: null, free: null, rate: null, text: null, json: null, last: null };
  const wanted: JsonValue = [
    {
      ...nothing,
      uuid: 'a',
      free: '{"n":99999999999999.99,"big":"18446744073709551616","huge":"1e400","last":7}',
      rate: 0.5,
      last: 7,
    },
    { ...nothing, uuid: 'b', free: '{"n":12345678901234567.2500000000000000001}', text: '99999999999999.99' },
    { ...nothing, uuid: 'c', text: '99999999999999.99' },
    { ...nothing, uuid: 'd', rate: 1.1, json: '"18446744073709551616"' },
    { ...nothing, uuid: 'e\ufffdd800', name: '\ufffdd83d', free: '{"\ufffdd83d":"\ufffdde00"}' },
    { ...nothing, uuid: 'e\ufffdd801', name: '\ufffdd83e' },
  ];
  assert.deepEqual(rows, wanted);
});
