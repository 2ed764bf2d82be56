import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import type { StreamSchema } from '../../core/avro/schema.ts';
import type { Settings } from '../../core/settings/config.ts';
import type { JsonObject } from '../../core/json.ts';
import { topicOf } from '../../core/stream-name.ts';
import { createClickHouseFront } from './clickhouse-front.ts';
import { sinkStreams } from './pipeline.ts';
import { assertReconciled } from './reconciled.ts';
import { createSettings } from './settings.ts';
import { rowsOf } from './table-rows.ts';
import { createProducer, createTopics, messagesOf } from './topic.ts';

/** Returns a function that creates the topic of a stream and sends records to it. */
export async function createSender(t: TestContext, settings: Settings) {
  const producer = await createProducer(t, settings);
  return async (stream: string, records: readonly JsonObject[], schema?: StreamSchema) => {
    await createTopics(settings, stream);
    const messages = await messagesOf(settings, stream, records, schema);
    await producer.send({ topic: topicOf(settings.topicPrefix, stream), messages });
  };
}

interface Width {
  /** Number of columns in addition to those of plans. */
  readonly count: number;
  /** The comment of each column. */
  readonly doc: string;
}

const nameOf = (index: number) => `a_column_of_some_length_${index}`;

function widePlans({ count, doc }: Width): StreamSchema {
  const plans = readStreamSchema('plans');
  const more = Array.from({ length: count }, (_, index) => ({
    name: nameOf(index),
    type: ['null', 'long'],
    default: null,
    doc,
  })) as unknown as StreamSchema['fields'];
  return { ...plans, fields: [...plans.fields, ...more] };
}

/**
 * Creates a table, widens it, and asserts that each row is stored and that every request URL is
 * shorter than 8,000 characters.
 */
export async function assertWide(t: TestContext, first: Width, second: Width): Promise<void> {
  const shared = createSettings(t);
  const front = await createClickHouseFront(t, shared.clickhouse.url);
  const settings = { ...shared, clickhouse: { ...shared.clickhouse, url: front.url } };
  const send = await createSender(t, settings);
  const [a, b] = [nameOf(first.count - 1), nameOf(second.count - 1)];
  for (const [width, uuid, name] of [
    [first, 'a', a],
    [second, 'b', b],
  ] as const) {
    await send('plans', [{ uuid, [name]: 1 }], widePlans(width));
    const [counts] = await sinkStreams(settings, 'plans');
    assert.deepEqual(
      { failure: counts?.failure, rows: counts?.rows, deadLetters: counts?.deadLetters },
      { failure: undefined, rows: 1, deadLetters: 0 },
    );
  }
  assert.deepEqual(await rowsOf(settings, `SELECT uuid, ${a} AS v, ${b} AS w FROM plans ORDER BY uuid`), [
    { uuid: 'a', v: 1, w: null },
    { uuid: 'b', v: null, w: 1 },
  ]);
  assert.ok(front.longestUrl < 8_000, String(front.longestUrl));
  await assertReconciled(settings, ['plans']);
}
