import assert from 'node:assert/strict';
import test from 'node:test';
import { qualified } from '../../core/clickhouse/client.ts';
import { topicOf } from '../../core/stream-name.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { command } from '../helpers/plans-table.ts';
import { createSettings } from '../helpers/settings.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';

const plans = (...numbers: number[]) =>
  numbers.map((number) => ({ uuid: `pl_${number}`, interval_count: number }));

test('a table that rejects every row stops its stream after a limited number of dead letters', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  const producer = await createProducer(t, settings);
  const topic = topicOf(settings.topicPrefix, 'plans');
  await producer.send({ topic, messages: await messagesOf(settings, 'plans', plans(0)) });
  await sinkStreams(settings, 'plans');
  await command(
    settings,
    `ALTER TABLE ${qualified(settings.clickhouse.database, 'plans_raw')} ADD CONSTRAINT never CHECK uuid = ''`,
  );
  const numbers = Array.from({ length: 1_000 }, (_, index) => index + 1);
  await producer.send({ topic, messages: await messagesOf(settings, 'plans', plans(...numbers)) });
  const [counts] = await sinkStreams(settings, 'plans');
  assert.match(
    counts?.failure?.message ?? '',
    /^table plans_raw refuses every row: ClickHouse returned code 469 \(VIOLATED_CONSTRAINT: never\); check its constraints/,
  );
  assert.ok((counts?.deadLetters ?? 0) <= 100);
  assert.equal(counts?.lag.size, 0, 'a stopped stream must report no lag');
});
