import assert from 'node:assert/strict';
import test from 'node:test';
import { gatherStatus } from '../../operations/status/gather-status.ts';
import { replay } from '../../operations/replay/replay.ts';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import { topicOf } from '../../core/stream-name.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { assertReconciled } from '../helpers/reconciled.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';

const views = {
  '1st': '_1st',
  Orders: 'Orders',
  'a-b': 'a_b',
  'my-topic': 'my_topic',
  'x.y.z': 'x_y_z',
} as const;
const streams = Object.keys(views) as (keyof typeof views)[];

test('topics of any name are sunk, compared and replayed, and a table name conflict is rejected', async (t) => {
  const settings = createSettings(t);
  const { topicPrefix } = settings;
  await createTopics(settings, ...streams, 'a.b');
  const producer = await createProducer(t, settings);
  for (const stream of [...streams, 'a.b']) {
    const messages = await messagesOf(settings, stream, [{ uuid: stream }], readStreamSchema('plans'));
    await producer.send({ topic: topicOf(topicPrefix, stream), messages });
  }
  const counts = await sinkStreams(settings);
  const found = counts.filter(({ rows, failure }) => rows > 0 || failure !== undefined);
  assert.deepEqual(
    found.map(({ stream, rows, failure }) => [stream, rows, failure?.name]).sort(),
    [...streams.map((stream) => [stream, 1, undefined]), ['a.b', 0, 'NameTakenError']].sort(),
  );
  for (const [stream, view] of Object.entries(views))
    assert.deepEqual(await rowsOf(settings, `SELECT uuid FROM ${view}`), [{ uuid: stream }]);

  const status = await gatherStatus(settings, undefined, noSignal);
  const shown = status.streams.filter(
    ({ topic, lag }) => topic?.partitions.some(({ end }) => end > 0n) === true && lag === 0n,
  );
  assert.deepEqual(shown.map(({ stream }) => stream).sort(), [...streams].sort());
  const warning = status.warnings.find(({ about }) => about === `topic ${topicPrefix}a.b`);
  assert.match(warning?.message ?? '', /^not copied: .*a-b/);

  await assertReconciled(settings, streams);
  const [replayed] = await replay(settings, { streams: ['my-topic'], from: undefined }, noSignal);
  assert.deepEqual(
    { failure: replayed?.failure, liveAfter: replayed?.liveAfter },
    { failure: undefined, liveAfter: 1 },
  );
});
