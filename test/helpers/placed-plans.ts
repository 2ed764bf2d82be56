import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { qualified } from '../../core/clickhouse/client.ts';
import { topicOf } from '../../core/stream-name.ts';
import { sinkStreams } from './pipeline.ts';
import { createSettings } from './settings.ts';
import { rowsOf } from './table-rows.ts';
import { createProducer, createTopics, messagesOf } from './topic.ts';

/**
 * Creates a topic of plans, and functions that send plans and bad messages to a given partition.
 */
export async function createPlacedPlans(t: TestContext) {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  const producer = await createProducer(t, settings);
  const topic = topicOf(settings.topicPrefix, 'plans');
  const poison = async (partition: number) =>
    producer.send({ topic, messages: [{ key: 'poison', value: Buffer.from('{}'), partition }] });
  const plan = async (partition: number, number: number) => {
    const messages = await messagesOf(settings, 'plans', [{ uuid: `pl_${number}`, interval_count: number }]);
    await producer.send({ topic, messages: messages.map((message) => ({ ...message, partition })) });
  };
  /** Runs a sink, and returns the number of rows and the number of dead letters. */
  const sunk = async () => {
    const [counts] = await sinkStreams(settings, 'plans');
    assert.equal(counts?.failure, undefined);
    return [counts?.rows, counts?.deadLetters];
  };
  const table = qualified(settings.clickhouse.database, 'plans_raw');
  const stored = async () =>
    (await rowsOf(settings, 'SELECT interval_count AS n FROM plans ORDER BY n')).map(({ n }) => n);
  return { settings, poison, plan, sunk, table, stored };
}
