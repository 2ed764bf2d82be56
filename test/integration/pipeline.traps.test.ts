import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import kafkajs from 'kafkajs';
import { connectKafkajs } from '../helpers/kafka-admin.ts';
import type { Settings } from '../../core/settings/config.ts';
import { topicOf } from '../../core/stream-name.ts';
import { createApiServer, type ApiAnswers } from '../helpers/api-server.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { createSettings } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';

/** Produces and sinks streams from responses that are written as the API sends them. */
async function runThrough(t: TestContext, answers: ApiAnswers, ...streams: string[]): Promise<Settings> {
  const { baseUrl } = await createApiServer(t, answers);
  const settings = createSettings(t, baseUrl);
  const counts = [
    ...(await produceStreams(settings, ...streams)),
    ...(await sinkStreams(settings, ...streams)),
  ];
  assert.deepEqual(counts.map(({ failure }) => failure).filter(Boolean), []);
  return settings;
}

const page = (key: string, ...records: string[]) =>
  `{"${key}":[${records.join(',')}],"has_more":false,"cursor":"x"}`;

test('kebab-case keys become snake case, and instants with an offset become UTC', async (t) => {
  const record = `{"uuid":"cus_1","customer-since":"2016-01-25T00:00:00-05:00","lead_created_at":"2015-12-31T23:59:59.999Z","billing-system-type":"Import API","currency-sign":"€"}`;
  const settings = await runThrough(t, { '/customers': page('entries', record) }, 'customers');
  const [row] = await rowsOf(settings, 'SELECT * FROM customers');
  assert.equal(row?.['customer_since'], '2016-01-25 05:00:00.000');
  assert.equal(row['lead_created_at'], '2015-12-31 23:59:59.999');
  assert.equal(row['billing_system_type'], 'Import API');
  assert.equal(row['currency_sign'], '€');
});

test('integers stay exact above 2^31, 2^32 and 2^53', async (t) => {
  const record = `{"uuid":"cus_1","id":5322874574,"mrr":9007199254740993,"arr":-9223372036854775808,"attributes":{"custom":{"big":123456789012345678901234567890,"n":9007199254740993}}}`;
  const settings = await runThrough(t, { '/customers': page('entries', record) }, 'customers');
  const [row] = await rowsOf(settings, 'SELECT id, mrr, arr, attributes.custom AS custom FROM customers');
  assert.equal(row?.['id'], 5322874574);
  assert.equal(row['mrr'], 9007199254740993n);
  assert.equal(row['arr'], -9223372036854775808n);
  assert.equal(row['custom'], '{"big":"123456789012345678901234567890","n":9007199254740993}');
});

test('in a number field, blank text becomes null and numeric text becomes a number', async (t) => {
  const record = `{"id":378040198,"quantity":"","amount_in_cents":"4200","currency":"","event_date":"2022-02-16T00:00:00Z","errors":null}`;
  const answers = { '/subscription_events': page('subscription_events', record) };
  const settings = await runThrough(t, answers, 'subscription_events');
  const [row] = await rowsOf(
    settings,
    'SELECT quantity, amount_in_cents, currency, errors FROM subscription_events',
  );
  assert.deepEqual({ ...row }, { quantity: null, amount_in_cents: 4200, currency: '', errors: null });
});

test('a value that does not fit its field goes to a variant field at every depth', async (t) => {
  const answers = {
    '/invoices': page(
      'invoices',
      `{"uuid":"inv_1","currency":"EUR","line_items":[{"uuid":"li_1","quantity":"a few","amount_in_cents":10.5},null,{"uuid":"li_2","quantity":2}]}`,
      `{"uuid":"inv_2","currency":7,"date":"yesterday","line_items":{"not":"a list"}}`,
    ),
  };
  const settings = await runThrough(t, answers, 'invoices');
  const [first, second] = await rowsOf(settings, 'SELECT * FROM invoices ORDER BY uuid');
  const items = first?.['line_items'] as Record<string, unknown>[];
  assert.deepEqual(
    items.map(
      ({
        uuid,
        quantity,
        quantity__v_string: text,
        amount_in_cents: cents,
        amount_in_cents__v_double: double,
      }) => [uuid, quantity, text, cents, double],
    ),
    [
      ['li_1', null, 'a few', null, 10.5],
      [null, null, null, null, null],
      ['li_2', 2, null, null, null],
    ],
  );
  assert.equal(first?.['currency'], 'EUR');
  assert.equal(second?.['currency'], null);
  assert.equal(second['currency__v_long'], 7);
  assert.equal(second['date'], null);
  assert.equal(second['date__v_string'], 'yesterday');
  assert.deepEqual(second['line_items'], []);
  assert.equal(second['line_items__v_json'], '{"not":"a list"}');
});

test('unknown fields become columns at every depth and are null in earlier rows', async (t) => {
  const answers = {
    '/plans': page(
      'plans',
      `{"uuid":"pl_1"}`,
      `{"uuid":"pl_2","is-legacy":true,"price":{"cents":1},"seats":3,"rate":0.5,"nothing":null}`,
    ),
    '/invoices': page('invoices', `{"uuid":"inv_1","line_items":[{"uuid":"li_1","cost-centre":"R&D"}]}`),
  };
  const settings = await runThrough(t, answers, 'plans', 'invoices');
  const rows = await rowsOf(settings, 'SELECT uuid, is_legacy, price, seats, rate FROM plans ORDER BY uuid');
  assert.deepEqual(
    rows.map((row) => ({ ...row })),
    [
      { uuid: 'pl_1', is_legacy: null, price: null, seats: null, rate: null },
      { uuid: 'pl_2', is_legacy: true, price: '{"cents":1}', seats: 3, rate: 0.5 },
    ],
  );
  assert.deepEqual(await rowsOf(settings, 'SELECT cost_centre FROM line_items'), [{ cost_centre: 'R&D' }]);
});

test('a field that one run adds is not new to the next run', async (t) => {
  let plans = page('plans', `{"uuid":"pl_1","colour":"red"}`);
  const { baseUrl } = await createApiServer(t, { '/plans': (_, response) => response.end(plans) });
  const settings = createSettings(t, baseUrl);
  const [first] = await produceStreams(settings, 'plans');
  plans = page('plans', `{"uuid":"pl_1","colour":"red"}`, `{"uuid":"pl_2","colour":"blue"}`);
  const [second] = await produceStreams(settings, 'plans');
  assert.deepEqual(
    { first: first?.newFields, second: second?.newFields },
    { first: [{ field: 'colour', type: 'string' }], second: [] },
  );
  await sinkStreams(settings, 'plans');
  assert.deepEqual(await rowsOf(settings, 'SELECT uuid, colour FROM plans ORDER BY uuid'), [
    { uuid: 'pl_1', colour: 'red' },
    { uuid: 'pl_2', colour: 'blue' },
  ]);
});

test('free-form objects and text keep every character', async (t) => {
  const custom = `{"a.b":1,"with blank":null,"🦊":"\\"quoted\\" \\\\ \\n\\t","list":[1,"x",null,{}],"empty":{},"on":false,"at":"2015-09-08 00:00:00"}`;
  const name = `O'Brien "Łódź" 日本 🦊\\n\\\\ \\u0000 end`;
  const record = `{"uuid":"cus_1","name":"${name.replaceAll('"', '\\"')}","attributes":{"tags":["a",null,""],"custom":${custom},"stripe":{}}}`;
  const settings = await runThrough(t, { '/customers': page('entries', record) }, 'customers');
  const [row] = await rowsOf(settings, 'SELECT name, attributes FROM customers');
  const attributes = row?.['attributes'] as Record<string, unknown>;
  assert.equal(row?.['name'], `O'Brien "Łódź" 日本 🦊\n\\ \0 end`);
  assert.equal(attributes['custom'], JSON.stringify(JSON.parse(custom)));
  assert.equal(attributes['stripe'], '{}');
  assert.deepEqual(attributes['tags'], ['a', null, '']);
  const [found] = await rowsOf(
    settings,
    `SELECT JSONExtractInt(attributes.custom, 'a.b') AS n FROM customers`,
  );
  assert.equal(found?.['n'], 1);
});

test('the last value counts when a key occurs twice in an object', async (t) => {
  const record = `{"uuid":"pl_1","name":"first","name":"last","interval_count":12345678901234567,"interval_count":1}`;
  const settings = await runThrough(t, { '/plans': page('plans', record) }, 'plans');
  assert.deepEqual(await rowsOf(settings, 'SELECT name, interval_count FROM plans'), [
    { name: 'last', interval_count: 1 },
  ]);
});

test('a record without a valid key becomes a dead letter, and other records are sent', async (t) => {
  const { baseUrl } = await createApiServer(t, {
    '/plans': page(
      'plans',
      `{"name":"no uuid"}`,
      `{"uuid":null}`,
      `"not an object"`,
      `null`,
      `{"uuid":"pl_1"}`,
      `{"uuid":7}`,
    ),
  });
  const settings = createSettings(t, baseUrl);
  const [counts] = await produceStreams(settings, 'plans');
  assert.deepEqual(
    { records: counts?.records, messages: counts?.messages, deadLettered: counts?.deadLettered },
    { records: 6, messages: 1, deadLettered: 5 },
  );
});

test('a record of several megabytes becomes one message and one row', async (t) => {
  const name = 'x'.repeat(3_000_000);
  const answers = { '/plans': page('plans', `{"uuid":"pl_1","name":"${name}"}`) };
  const settings = await runThrough(t, answers, 'plans');
  assert.deepEqual(await rowsOf(settings, 'SELECT length(name) AS length FROM plans'), [
    { length: 3_000_000 },
  ]);
});

test("a key goes to the partition that Kafka's own clients choose for it", async (t) => {
  // Test vectors for Kafka's hash function that reveal a sign error.
  const keys = ['a-little-bit-longer-string', 'lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', 'foobar'];
  const answers = { '/plans': page('plans', ...keys.map((uuid) => `{"uuid":"${uuid}"}`)) };
  const settings = await runThrough(t, answers, 'plans');
  const rows = await rowsOf(settings, 'SELECT uuid, _partition FROM plans_raw');
  const partitions = new Map(rows.map(({ uuid, _partition: partition }) => [uuid, partition]));
  assert.deepEqual(
    keys.map((key) => partitions.get(key)),
    [3, 1, 2],
  );
});

test('a topic has the cleanup policy compact, so it keeps the latest message of every key', async (t) => {
  const settings = await runThrough(t, { '/plans': page('plans') }, 'plans');
  const admin = await connectKafkajs(settings.kafka);
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [
      {
        type: kafkajs.ConfigResourceTypes.TOPIC,
        name: topicOf(settings.topicPrefix, 'plans'),
        configNames: ['cleanup.policy'],
      },
    ],
  });
  await admin.disconnect();
  assert.deepEqual(
    resources.flatMap(({ configEntries }) => configEntries.map(({ configValue }) => configValue)),
    ['compact'],
  );
});
