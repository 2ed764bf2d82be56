import assert from 'node:assert/strict';
import test from 'node:test';
import kafkajs from 'kafkajs';
import { qualified } from '../../core/clickhouse/client.ts';
import type { Settings } from '../../core/settings/config.ts';
import { deadLettersTopic, topicOf } from '../../core/stream-name.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { command } from '../helpers/plans-table.ts';
import { readTopic } from '../helpers/read-topic.ts';
import type { Message } from '../../producers/encode/message.ts';
import { createSettings } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';

const plans = (...numbers: number[]) =>
  numbers.map((number) => ({ uuid: `pl_${number}`, interval_count: number }));

const storedPlans = async (settings: Settings) =>
  (await rowsOf(settings, 'SELECT interval_count FROM plans ORDER BY 1')).map((row) => row['interval_count']);

/** Returns the headers and bytes of the messages on the dead-letter topic. */
async function readDeadLetters(settings: Settings) {
  const deadLetters = new Map<string, { headers: Record<string, string>; value: Buffer }>();
  for (const { key, value, headers } of await readTopic(settings, deadLettersTopic(settings.topicPrefix))) {
    const texts = Object.entries(headers).map(([name, bytes]) => [name, bytes.toString()] as const);
    deadLetters.set(key, { headers: Object.fromEntries(texts), value: value ?? Buffer.alloc(0) });
  }
  return [...deadLetters.values()];
}

test('undecodable messages become dead letters with position and bytes; the rest become rows', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  const producer = await createProducer(t, settings);
  const topic = topicOf(settings.topicPrefix, 'plans');
  const good = await messagesOf(settings, 'plans', plans(1, 2, 3));
  const [first] = good;
  assert.ok(first?.value);
  const id = first.value.readUInt32BE(1);
  const unknown = Buffer.from([0, 0x7f, 0xff, 0xff, 0xf0, 2]);
  const poison = [
    { key: 'no frame', value: Buffer.from('{}'), code: 'ETL_DECODE' },
    { key: 'too short', value: first.value.subarray(0, 7), code: 'ETL_DECODE' },
    { key: 'too long', value: Buffer.concat([first.value, Buffer.of(1)]), code: 'ETL_DECODE' },
    { key: 'unknown', value: unknown, code: 'ETL_UNKNOWN_SCHEMA' },
    { key: 'empty', value: Buffer.alloc(0), code: 'ETL_DECODE' },
  ];
  const messages = [good[0], ...poison.slice(0, 3), good[1], ...poison.slice(3), good[2]].flatMap(
    (of) => of ?? [],
  );
  await producer.send({ topic, messages: messages.map(({ key, value }) => ({ key, value, partition: 2 })) });
  const [counts] = await sinkStreams(settings, 'plans');
  assert.deepEqual(
    { failure: counts?.failure, rows: counts?.rows, deadLetters: counts?.deadLetters },
    { failure: undefined, rows: 3, deadLetters: 5 },
  );
  assert.deepEqual(await storedPlans(settings), [1, 2, 3]);
  const deadLetters = await readDeadLetters(settings);
  for (const [index, { key, value, code }] of poison.entries()) {
    const deadLetter = deadLetters.find(({ headers }) => headers['key'] === key);
    assert.ok(deadLetter, key);
    assert.deepEqual(deadLetter.value, value);
    const { reason, timestamp, ...headers } = deadLetter.headers;
    assert.ok(Number(timestamp) > 0 && (reason ?? '') !== '');
    const ids: Readonly<Record<string, number>> = { 'too short': id, 'too long': id, unknown: 0x7ffffff0 };
    assert.deepEqual(headers, {
      stream: 'plans',
      step: 'sink',
      code,
      topic,
      partition: '2',
      offset: String(index < 3 ? index + 1 : index + 2),
      key,
      ...(ids[key] !== undefined && { 'schema-id': String(ids[key]) }),
    });
  }
});

test('the sink sends rows that ClickHouse rejects to the dead-letter topic and inserts the rest', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  const producer = await createProducer(t, settings);
  const topic = topicOf(settings.topicPrefix, 'plans');
  await producer.send({ topic, messages: await messagesOf(settings, 'plans', plans(0)) });
  await sinkStreams(settings, 'plans');
  const table = qualified(settings.clickhouse.database, 'plans_raw');
  await command(
    settings,
    `ALTER TABLE ${table} ADD CONSTRAINT no_thirteens CHECK interval_count % 13 != 0 OR _deleted`,
  );
  const numbers = Array.from({ length: 200 }, (_, index) => index + 1);
  await producer.send({ topic, messages: await messagesOf(settings, 'plans', plans(...numbers)) });
  const [counts] = await sinkStreams(settings, 'plans');
  const refused = numbers.filter((number) => number % 13 === 0);
  assert.deepEqual(
    { failure: counts?.failure, rows: counts?.rows, deadLetters: counts?.deadLetters },
    { failure: undefined, rows: 200 - refused.length, deadLetters: refused.length },
  );
  assert.deepEqual(await storedPlans(settings), [0, ...numbers.filter((number) => number % 13 !== 0)]);
  const deadLetters = await readDeadLetters(settings);
  assert.deepEqual(
    deadLetters.map(({ headers }) => headers['key']).sort(),
    refused.map((number) => `pl_${number}`).sort(),
  );
  for (const { headers } of deadLetters) {
    assert.equal(headers['code'], 'ETL_ROW_REJECTED');
    assert.match(
      headers['reason'] ?? '',
      /^table plans_raw refuses the row: ClickHouse returned code 469 \(VIOLATED_CONSTRAINT: \w+\)$/,
    );
  }
});

test('a constraint that rejects a delete stops its stream, and the error names the remedy', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  const producer = await createProducer(t, settings);
  const topic = topicOf(settings.topicPrefix, 'plans');
  const send = (...messages: readonly Message[]) =>
    producer.send({ topic, messages: messages.map((message) => ({ ...message, partition: 0 })) });
  await send(...(await messagesOf(settings, 'plans', plans(1, 2, 3))));
  await sinkStreams(settings, 'plans');
  const table = qualified(settings.clickhouse.database, 'plans_raw');
  await command(settings, `ALTER TABLE ${table} ADD CONSTRAINT counted CHECK interval_count > 0`);
  await send(
    ...(await messagesOf(settings, 'plans', plans(4, 0))),
    { key: 'pl_2', value: null },
    ...(await messagesOf(settings, 'plans', plans(5))),
  );
  for (let start = 0; start < 2; start++) {
    const [counts] = await sinkStreams(settings, 'plans');
    assert.match(
      counts?.failure?.message ?? '',
      /^table plans_raw refuses a delete \(partition 0, offset 5\).* code 469 \(VIOLATED_CONSTRAINT: counted\)\. Change the constraints of the table so that they accept deletes \(CHECK _deleted OR/,
    );
    assert.deepEqual(await storedPlans(settings), [1, 2, 3, 4]);
  }
  await command(
    settings,
    `ALTER TABLE ${table} DROP CONSTRAINT counted`,
    `ALTER TABLE ${table} ADD CONSTRAINT counted CHECK _deleted OR interval_count > 0`,
  );
  const [counts] = await sinkStreams(settings, 'plans');
  assert.equal(counts?.failure, undefined);
  assert.deepEqual(await storedPlans(settings), [1, 3, 4, 5]);
  // Only the plan that violates both constraints is a dead letter.
  assert.deepEqual(
    (await readDeadLetters(settings)).map(({ headers }) => headers['key']),
    ['pl_0'],
  );
});

test('a tombstone whose key does not fit the primary key becomes a dead letter with zero bytes', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'subscription_events');
  const producer = await createProducer(t, settings);
  const topic = topicOf(settings.topicPrefix, 'subscription_events');
  await producer.send({ topic, messages: await messagesOf(settings, 'subscription_events', [{ id: 1 }]) });
  await producer.send({
    topic,
    messages: [
      { key: 'one', value: null },
      { key: '1', value: null },
    ],
  });
  const [counts] = await sinkStreams(settings, 'subscription_events');
  assert.deepEqual(
    { failure: counts?.failure, rows: counts?.rows, deadLetters: counts?.deadLetters },
    { failure: undefined, rows: 2, deadLetters: 1 },
  );
  assert.deepEqual(await rowsOf(settings, 'SELECT id FROM subscription_events'), []);
  const [deadLetter] = await readDeadLetters(settings);
  assert.deepEqual(
    { key: deadLetter?.headers['key'], code: deadLetter?.headers['code'], bytes: deadLetter?.value.length },
    { key: 'one', code: 'ETL_DECODE', bytes: 0 },
  );
});

/**
 * Encodes bytes as one Snappy literal:
 * https://github.com/google/snappy/blob/main/format_description.txt.
 */
function literalSnappy(bytes: Buffer): Buffer {
  const { length } = bytes;
  assert.ok(length >= 128 && length < 16_384, String(length));
  const head = Buffer.from([(length & 127) | 128, length >> 7, 61 << 2, 0, 0]);
  head.writeUInt16LE(length - 1, 3);
  return Buffer.concat([head, bytes]);
}

test('a batch with an unsupported codec stops only its stream, and the error names the position', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans', 'tasks');
  const { Snappy } = kafkajs.CompressionTypes;
  const codecs = kafkajs.CompressionCodecs as unknown as Record<number, () => object>;
  const { [Snappy]: before } = codecs;
  t.after(() => Object.assign(codecs, { [Snappy]: before }));
  codecs[Snappy] = () => ({
    compress: ({ buffer }: { buffer: Buffer }) => Promise.resolve(literalSnappy(buffer)),
    decompress: () => Promise.reject(new Error('no codec')),
  });
  const producer = await createProducer(t, settings);
  const topic = topicOf(settings.topicPrefix, 'plans');
  const messages = async (...numbers: number[]) =>
    (await messagesOf(settings, 'plans', plans(...numbers))).map((of) => ({ ...of, partition: 1 }));
  await producer.send({ topic, messages: await messages(1, 2, 3) });
  await producer.send({ topic, messages: await messages(4, 5, 6, 7, 8), compression: Snappy });
  await producer.send({ topic, messages: await messages(9) });
  await producer.send({
    topic: topicOf(settings.topicPrefix, 'tasks'),
    messages: await messagesOf(settings, 'tasks', [{ task_uuid: 't1' }]),
  });
  const [first, second] = await sinkStreams(settings, 'plans', 'tasks');
  assert.match(
    first?.failure?.message ?? '',
    /^topic \S+\.plans, partition 1: the record batch at offset 3 cannot be read: its compression is Snappy: no codec$/,
  );
  assert.deepEqual({ failure: second?.failure, rows: second?.rows }, { failure: undefined, rows: 1 });
  assert.ok(
    (await storedPlans(settings)).every((number) => Number(number) <= 3),
    'a row after the unreadable batch was stored',
  );
  await assert.rejects(readTopic(settings, topic), /partition 1: the record batch at offset 3/);
});
