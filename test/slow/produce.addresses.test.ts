import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectKafkajs } from '../helpers/kafka-admin.ts';
import { Registry } from '../../core/avro/registry.ts';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import type { JsonObject } from '../../core/json.ts';
import { subjectOf, topicOf } from '../../core/stream-name.ts';
import type { Simulator } from '../../simulator/simulator.ts';
import { createApiServer, type ApiAnswers } from '../helpers/api-server.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { assertSameRows } from '../helpers/same-rows.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';
import { rowsOf } from '../helpers/table-rows.ts';

const list = (key: string, ids: readonly number[], more: string) =>
  `{"${key}":[${ids.map((id) => `{"uuid":"pl_${id}"}`).join(',')}]${more}}`;

/** The ways in which a server may paginate, and the number of plans that it serves. */
const servers: readonly { name: string; answers: ApiAnswers; records: number }[] = [
  {
    name: 'a cursor and has_more, regardless of the cursor on the last page',
    answers: {
      '/plans': (query, response) =>
        response.end(
          query.get('cursor') === 'c1'
            ? list('plans', [3], ',"has_more":false,"cursor":"c2"')
            : list('plans', [1, 2], ',"has_more":true,"cursor":"c1","current_page":1,"total_pages":9'),
        ),
    },
    records: 3,
  },
  {
    name: 'meta.next_key',
    answers: {
      '/plans': (query, response) =>
        response.end(
          query.get('next_key') === '77'
            ? list('plans', [3], ',"meta":{"next_key":null}')
            : list('plans', [1, 2], ',"meta":{"next_key":77,"page":1,"total_pages":2}'),
        ),
    },
    records: 3,
  },
  {
    name: "numbered pages under dltHub's list key",
    answers: {
      '/plans': (query, response) => {
        const number = Number(query.get('page') ?? 1);
        response.end(list('entries', [number], `,"page":${number},"total_pages":3`));
      },
    },
    records: 3,
  },
  { name: 'no paging', answers: { '/plans': list('plans', [1, 2], '') }, records: 2 },
  {
    name: 'the list in the only array of the response',
    answers: { '/plans': list('rows', [1], '') },
    records: 1,
  },
  {
    name: 'an empty list with a null cursor',
    answers: { '/plans': list('plans', [], ',"cursor":null,"has_more":false') },
    records: 0,
  },
];

for (const { name, answers, records } of servers) {
  test(`a list is read completely from a server with ${name}`, async (t) => {
    const { baseUrl } = await createApiServer(t, answers);
    const [counts] = await produceStreams(createSettings(t, baseUrl), 'plans');
    assert.equal(counts?.failure, undefined);
    assert.deepEqual(
      { records: counts?.records, messages: counts?.messages },
      { records, messages: records },
    );
  });
}

test('data sources are read from /sources when /data_sources returns 404', async (t) => {
  const { baseUrl, requests } = await createApiServer(t, {
    '/sources': list('entries', [1, 2], ',"has_more":false'),
  });
  const [counts] = await produceStreams(createSettings(t, baseUrl), 'data_sources');
  assert.equal(counts?.messages, 2);
  assert.deepEqual(
    requests.map((path) => path.replace(/\?.*/, '')),
    ['/data_sources', '/sources'],
  );
});

test('produce requests all invoices, including invalid and disabled ones', async (t) => {
  const { baseUrl, requests } = await createApiServer(t, {
    '/invoices': list('invoices', [], ',"has_more":false'),
  });
  await produceStreams(createSettings(t, baseUrl), 'invoices');
  assert.deepEqual(requests, ['/invoices?validation_type=all&with_disabled=true&per_page=200']);
});

/** Returns the transactions, which the expected data contains only inside invoices. */
function transactionsOf(simulator: Simulator): JsonObject[] {
  return ([...simulator.truth('invoices')] as JsonObject[]).flatMap(({ uuid, transactions }) =>
    (transactions as JsonObject[]).map((transaction) => ({ ...transaction, invoice_uuid: uuid ?? null })),
  );
}

for (const dltAddresses of ['cursor', 'pages'] as const) {
  test(`dltHub's addresses, paged by ${dltAddresses}, fill the same tables as ChartMogul's`, async (t) => {
    const { simulator, baseUrl } = await createSimulatorServer(t, { customers: 450, seed: 4, dltAddresses });
    const settings = createSettings(t, baseUrl);
    const names = [
      'customers',
      'invoices',
      'plans',
      'data_sources',
      'customer_subscriptions',
      'transactions',
    ];
    const produced = await produceStreams(settings, ...names);
    const sunk = await sinkStreams(settings, ...names);
    assert.deepEqual([...produced, ...sunk].map(({ failure }) => failure).filter(Boolean), []);
    for (const name of names) {
      await t.test(name, async () => {
        const records =
          name === 'transactions' ? transactionsOf(simulator) : ([...simulator.truth(name)] as JsonObject[]);
        const { primaryKey } = readStreamSchema(name);
        assertSameRows(await rowsOf(settings, `SELECT * FROM ${name}`), records, primaryKey);
      });
    }
    const count = async (table: string) => (await rowsOf(settings, `SELECT count() AS n FROM ${table}`))[0];
    assert.deepEqual(await count('sources'), await count('data_sources'));
    assert.deepEqual(await count('subscriptions'), await count('customer_subscriptions'));
    assert.deepEqual(await count('transactions'), await count('transactions_raw FINAL WHERE _deleted = 0'));
    const paths = new Map(produced.map(({ stream, requests, pages }) => [stream, { requests, pages }]));
    // There is one list for the account instead of one per customer, so there are as many requests
    // as pages.
    assert.deepEqual(
      paths.get('customer_subscriptions')?.requests,
      paths.get('customer_subscriptions')?.pages,
    );
  });
}

test('produce skips transactions without failing if the account has no list of them', async (t) => {
  const { baseUrl } = await createSimulatorServer(t, { customers: 20, seed: 4 });
  const settings = createSettings(t, baseUrl);
  for (const run of [1, 2]) {
    const counts = await produceStreams(settings, 'transactions', 'plans');
    const transactions = counts.find(({ stream }) => stream === 'transactions');
    assert.deepEqual(
      { failure: transactions?.failure, isAbsent: transactions?.isAbsent },
      { failure: undefined, isAbsent: true },
      `run ${run}`,
    );
  }
  const admin = await connectKafkajs(settings.kafka);
  const topics = await admin.listTopics();
  await admin.disconnect();
  assert.ok(topics.includes(topicOf(settings.topicPrefix, 'plans')));
  assert.ok(!topics.includes(topicOf(settings.topicPrefix, 'transactions')));
  const registry = new Registry(settings.schemaRegistry, noSignal);
  assert.equal(await registry.latest(subjectOf(settings.topicPrefix, 'transactions')), undefined);
});

test('subscriptions are requested per customer when the account has no list of them', async (t) => {
  const { baseUrl, requests } = await createApiServer(t, {
    '/customers': `{"entries":[{"uuid":"cus_1"},{"uuid":"cus_2"}],"has_more":false}`,
    '/customers/cus_1/subscriptions': `{"entries":[{"id":11}],"has_more":false}`,
    '/customers/cus_2/subscriptions': `{"entries":[],"has_more":false}`,
  });
  const settings = createSettings(t, baseUrl);
  const counts = await produceStreams(settings, 'customer_subscriptions');
  assert.deepEqual(counts.map(({ failure }) => failure).filter(Boolean), []);
  assert.deepEqual(
    requests
      .map((path) => path.replace(/\?.*/, ''))
      .filter((path) => path !== '/customers')
      .sort(),
    ['/customers/cus_1/subscriptions', '/customers/cus_2/subscriptions', '/subscriptions'],
  );
  await sinkStreams(settings, 'customer_subscriptions');
  assert.deepEqual(await rowsOf(settings, 'SELECT id, customer_uuid FROM subscriptions'), [
    { id: 11, customer_uuid: 'cus_1' },
  ]);
});
