import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from '../../core/avro/registry.ts';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import type { Settings } from '../../core/settings/config.ts';
import { jsonText, type JsonObject, type JsonValue } from '../../core/json.ts';
import { subjectOf, topicOf } from '../../core/stream-name.ts';
import { createSimulator } from '../../simulator/simulator.ts';
import type { StreamCounts } from '../../producers/report/stream-counts.ts';
import { ageRounds } from '../helpers/age-round.ts';
import { createApiServer } from '../helpers/api-server.ts';
import { committedMessages } from '../helpers/committed.ts';
import { produceStreams, produceWith } from '../helpers/pipeline.ts';
import { keysOf } from '../helpers/read-topic.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';
import { truthOf, type Truth } from '../helpers/truth.ts';

const topic = (settings: Settings, stream: string) => topicOf(settings.topicPrefix, stream);

/** The streams that the simulator serves. */
const present = createSimulator({ customers: 1 }).streams;

/** Returns the number of messages in each stream's topic. */
async function messagesByStream(settings: Settings): Promise<Record<string, number>> {
  const messages = await committedMessages(settings, ...present);
  return Object.fromEntries([...messages].map(([stream, { length }]) => [stream, length]));
}

function assertNoFailures(counts: readonly StreamCounts[]): void {
  assert.deepEqual(counts.map(({ failure }) => failure).filter(Boolean), []);
}

function sum(counts: readonly StreamCounts[], of: (counts: StreamCounts) => number): number {
  return counts.reduce((total, count) => total + of(count), 0);
}

function hasChanged(before: Truth | undefined, now: Truth | undefined, key: JsonValue | undefined): boolean {
  const [old, record] = [before?.get(String(key)), now?.get(String(key))];
  return record !== undefined && (old === undefined || jsonText(old) !== jsonText(record));
}

test('a run over an unchanged account does not add a message to any stream', async (t) => {
  const { baseUrl } = await createSimulatorServer(t, { customers: 210, seed: 11 });
  const settings = createSettings(t, baseUrl);
  const first = await produceStreams(settings);
  assertNoFailures(first);
  const before = await messagesByStream(settings);
  for (const { stream, records } of first.filter(({ isAbsent }) => !isAbsent))
    assert.ok(records > 0 && before[stream] === records, stream);

  const second = await produceStreams(settings);
  assertNoFailures(second);
  assert.deepEqual(await messagesByStream(settings), before);
  for (const { stream, messages, new: isNew, changed, deleted, records, unchanged } of second)
    assert.deepEqual(
      { messages, new: isNew, changed, deleted, unchanged },
      { messages: 0, new: 0, changed: 0, deleted: 0, unchanged: records },
      stream,
    );
  // Customers with an unchanged record are not visited.
  const visiting = second.filter(({ stream }) => /^customer_(subscriptions|activities)$/.test(stream));
  assert.equal(
    sum(visiting, ({ records }) => records),
    0,
  );
});

test('only new or changed records are sent, each with its hash', async (t) => {
  const { simulator, baseUrl } = await createSimulatorServer(t, { customers: 210, seed: 11, deletes: 0 });
  const settings = createSettings(t, baseUrl);
  assertNoFailures(await produceStreams(settings));
  const truths = () => new Map(simulator.streams.map((stream) => [stream, truthOf(simulator, stream)]));
  const before = truths();
  simulator.moveTo(1);
  assertNoFailures(await produceStreams(settings));

  const after = truths();
  // Data sources also change in fields that the expected data lacks.
  const compared = present.filter((name) => !name.startsWith('metrics_') && name !== 'data_sources');
  for (const [stream, messages] of await committedMessages(settings, ...compared)) {
    const [old, now] = [before.get(stream), after.get(stream)];
    assert.ok(old && now);
    const isVisited = (record: JsonObject) =>
      !/^customer_(subscriptions|activities)$/.test(stream) ||
      hasChanged(before.get('customers'), after.get('customers'), record['customer_uuid']);
    const changed = [...now].flatMap(([key, record]) =>
      hasChanged(old, now, key) && isVisited(record) ? [key] : [],
    );
    const sent = messages.filter(({ value }) => value !== null);
    assert.deepEqual(sent.map(({ key }) => key).sort(), [...old.keys(), ...changed].sort(), stream);
    assert.ok(changed.length < now.size / 2 || now.size < 10, `too many records of ${stream} changed`);
    const hashes = new Map<string, string>();
    for (const { key, hash } of sent) {
      assert.match(hash ?? '', /^[0-9a-f]{16}$/, `${stream} ${key}`);
      assert.notEqual(hashes.get(key), hash, `${stream} ${key} was sent again unchanged`);
      hashes.set(key, hash ?? '');
    }
  }
});

test('produce does not resend unchanged records after the schema gains a field', async (t) => {
  let plans = `{"plans":[{"uuid":"pl_1"},{"uuid":"pl_2"},{"uuid":"pl_3"}],"has_more":false}`;
  const { baseUrl } = await createApiServer(t, { '/plans': (_, response) => response.end(plans) });
  const settings = createSettings(t, baseUrl);
  await produceStreams(settings, 'plans');
  const registry = new Registry(settings.schemaRegistry, noSignal);
  const schema = readStreamSchema('plans');
  const grown = { name: 'colour', type: ['null', 'string'], default: null } as const;
  await registry.register(subjectOf(settings.topicPrefix, 'plans'), {
    ...schema,
    fields: [...schema.fields, grown],
  });
  const [afterGrowth] = await produceStreams(settings, 'plans');
  assert.deepEqual(
    { messages: afterGrowth?.messages, unchanged: afterGrowth?.unchanged },
    { messages: 0, unchanged: 3 },
  );

  plans = plans.replace(`{"uuid":"pl_2"}`, `{"uuid":"pl_2","seats":4}`);
  const [afterDrift] = await produceStreams(settings, 'plans');
  assert.deepEqual(
    { messages: afterDrift?.messages, changed: afterDrift?.changed },
    { messages: 1, changed: 1 },
  );
  assert.deepEqual(await keysOf(settings, topic(settings, 'plans')), ['pl_1', 'pl_2', 'pl_2', 'pl_3']);
});

test('produce ignores a changed order of keys, but sends a record whose values are swapped', async (t) => {
  let plan = `{"uuid":"pl_1","name":"a","external_id":"b"}`;
  const { baseUrl } = await createApiServer(t, {
    '/plans': (_, response) => response.end(`{"plans":[${plan}],"has_more":false}`),
  });
  const settings = createSettings(t, baseUrl);
  await produceStreams(settings, 'plans');
  plan = `{"external_id":"b","name":"a","uuid":"pl_1"}`;
  const [reordered] = await produceStreams(settings, 'plans');
  plan = `{"uuid":"pl_1","name":"b","external_id":"a"}`;
  const [swapped] = await produceStreams(settings, 'plans');
  assert.deepEqual(
    { reordered: reordered?.messages, swapped: swapped?.messages },
    { reordered: 0, swapped: 1 },
  );
});

test('a full run sends every record again, unchanged or not', async (t) => {
  const { simulator, baseUrl } = await createSimulatorServer(t, { customers: 210, seed: 11 });
  const settings = createSettings(t, baseUrl);
  const names = ['customers', 'customer_subscriptions', 'activities', 'plan_groups', 'plan_group_plans'];
  assertNoFailures(await produceStreams(settings, ...names));
  assertNoFailures(await produceWith(settings, { isFull: true }, ...names));
  for (const name of names) {
    const once = [...truthOf(simulator, name).keys()];
    assert.deepEqual(await keysOf(settings, topic(settings, name)), [...once, ...once].sort(), name);
  }
  assert.equal(
    sum(await produceStreams(settings, ...names), ({ messages }) => messages),
    0,
  );
});

test('a full refresh visits every customer after FULL_ROUND_DAYS and does not send messages', async (t) => {
  const customers = 210;
  const { baseUrl } = await createSimulatorServer(t, { customers, seed: 11 });
  const standard = createSettings(t, baseUrl);
  const settings: Settings = { ...standard, produce: { ...standard.produce, fullRoundDays: 1 } };
  const run = async () => {
    const counts = await produceStreams(settings, 'customer_subscriptions');
    assertNoFailures(counts);
    const requests = new Map(counts.map(({ stream, requests: number }) => [stream, number]));
    return {
      customers: requests.get('customers'),
      visits: (requests.get('customer_subscriptions') ?? 0) - 1,
      messages: sum(counts, ({ messages }) => messages),
    };
  };
  const first = await run();
  assert.deepEqual({ customers: first.customers, visits: first.visits }, { customers: 2, visits: customers });
  assert.deepEqual(await run(), { customers: 2, visits: 0, messages: 0 });

  await ageRounds(t, settings, 0.9, 'customers', 'customer_subscriptions');
  assert.deepEqual(await run(), { customers: 2, visits: 0, messages: 0 });
  await ageRounds(t, settings, 0.2, 'customers', 'customer_subscriptions');
  assert.deepEqual(await run(), { customers: 2, visits: customers, messages: 0 });
  assert.deepEqual(await run(), { customers: 2, visits: 0, messages: 0 });
});

test('only a customer whose record changed is visited', async (t) => {
  let mrr = 1;
  const { baseUrl, requests } = await createApiServer(t, {
    '/customers': (_, response) =>
      response.end(`{"entries":[{"uuid":"cus_1","mrr":${mrr}},{"uuid":"cus_2","mrr":5}],"has_more":false}`),
    '/customers/cus_1/subscriptions': (_, response) =>
      response.end(`{"entries":[{"id":11,"mrr":${mrr}}],"has_more":false}`),
    '/customers/cus_2/subscriptions': `{"entries":[{"id":21,"mrr":5}],"has_more":false}`,
  });
  const settings = createSettings(t, baseUrl);
  assertNoFailures(await produceStreams(settings, 'customer_subscriptions'));
  mrr = 2;
  requests.length = 0;
  assertNoFailures(await produceStreams(settings, 'customer_subscriptions'));
  assert.deepEqual(
    requests.filter((path) => path.startsWith('/customers/')).map((path) => path.replace(/\?.*/, '')),
    ['/customers/cus_1/subscriptions'],
  );
  const subscriptions = await keysOf(settings, topic(settings, 'customer_subscriptions'));
  assert.deepEqual(subscriptions, ['11', '11', '21']);
});
