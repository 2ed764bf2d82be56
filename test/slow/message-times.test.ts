import assert from 'node:assert/strict';
import test from 'node:test';
import { connectKafkajs } from '../helpers/kafka-admin.ts';
import { qualified } from '../../core/clickhouse/client.ts';
import { readDeadLetters } from '../../core/dead-letters/reader.ts';
import { topicOf } from '../../core/stream-name.ts';
import { comparisonOf } from '../helpers/reconciled.ts';
import { replayPlans } from '../helpers/replayed.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { command } from '../helpers/plans-table.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, messagesOf } from '../helpers/topic.ts';
import { isEqual } from '../../operations/reconcile/comparison.ts';

const MAX_INT64 = '9223372036854775807';

test('the message with the latest timestamp becomes the row, whatever timestamps producers set', async (t) => {
  const settings = createSettings(t);
  const topic = topicOf(settings.topicPrefix, 'plans');
  const admin = await connectKafkajs(settings.kafka);
  t.after(() => admin.disconnect());
  const configEntries = [
    { name: 'message.timestamp.type', value: 'CreateTime' },
    { name: 'message.timestamp.after.max.ms', value: MAX_INT64 },
    { name: 'message.timestamp.before.max.ms', value: MAX_INT64 },
  ];
  await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries }] });
  const producer = await createProducer(t, settings);
  let n = 0;
  const send = async (uuid: string, timestamp: string, isDelete = false) => {
    const [message] = await messagesOf(settings, 'plans', [{ uuid, interval_count: n++ }]);
    await producer.send({
      topic,
      messages: [{ key: uuid, value: isDelete ? null : (message?.value ?? null), timestamp }],
    });
  };
  // The number after a call is the offset of its message.
  await send('none, then a time', '-1'); // 0
  await send('none, then a time', '1000'); // 1
  await send('a time, then none', '1000'); // 2
  await send('a time, then none', '-1'); // 3
  await send('none twice', '-1'); // 4
  await send('none twice', '-1'); // 5
  await send('far before', '-62135596800000'); // 6
  await send('far before', '-5'); // 7
  await send('first, deleted with none', '0'); // 8
  await send('first, deleted with none', '-1', true);
  await producer.send({
    topic,
    messages: [{ key: 'bad', value: Buffer.from('no frame'), timestamp: '-7' }],
  });
  await send('year 3000', '32503680000000'); // 11
  await send('the end of time', MAX_INT64); // 12
  await send('the end of time', '1700000000000'); // 13

  const expected = [
    { uuid: 'a time, then none', interval_count: 2 },
    { uuid: 'far before', interval_count: 7 },
    { uuid: 'none twice', interval_count: 5 },
    { uuid: 'none, then a time', interval_count: 1 },
    { uuid: 'the end of time', interval_count: 11 },
    { uuid: 'year 3000', interval_count: 10 },
  ];
  const check = async (rest: Partial<{ deadLetters: number }> = {}) => {
    assert.deepEqual(
      await rowsOf(settings, 'SELECT uuid, interval_count FROM plans ORDER BY uuid'),
      expected,
    );
    const comparison = await comparisonOf(settings, 'plans');
    assert.deepEqual(comparison.counts, { missing: 0, stray: 0, older: 0, other: 0, twice: 0 });
    assert.deepEqual(
      { behind: comparison.behind, deadLetters: comparison.deadLetters },
      { behind: 0, deadLetters: rest.deadLetters ?? 1 },
    );
  };
  const [sunk] = await sinkStreams(settings, 'plans');
  assert.deepEqual(
    { rows: sunk?.rows, deadLetters: sunk?.deadLetters, failure: sunk?.failure },
    { rows: 13, deadLetters: 1, failure: undefined },
  );
  await check();

  // The dead letter is found, although its message has an early timestamp.
  const { deadLetters: letters } = await readDeadLetters(settings, () => false, noSignal);
  assert.deepEqual(
    letters.map((deadLetter) => deadLetter.step === 'sink' && deadLetter.offset),
    [10],
  );

  // A restarted sink inserts nothing twice.
  const [again] = await sinkStreams(settings, 'plans');
  assert.deepEqual({ rows: again?.rows, deadLetters: again?.deadLetters }, { rows: 0, deadLetters: 0 });

  await replayPlans(settings);
  await check();

  // A row from an earlier release, whose `_version` no later version exceeds.
  const table = qualified(settings.clickhouse.database, 'plans_raw');
  const wrapped = `bitShiftLeft(reinterpretAsUInt128(reinterpretAsUInt128(toInt128(-1))), 64) + _offset`;
  await command(
    settings,
    `INSERT INTO ${table} (uuid, interval_count, _version, _deleted, _partition, _offset, _timestamp, _schema_id) ` +
      `SELECT uuid, 0, ${wrapped}, 0, _partition, 0, fromUnixTimestamp64Milli(toInt64(-1)), _schema_id FROM ${table} WHERE uuid = 'none, then a time' LIMIT 1`,
  );
  const hidden = await comparisonOf(settings, 'plans');
  assert.equal(isEqual(hidden, { deadLetters: true }), false);
  assert.equal(hidden.counts.other, 1);
  const [resumed] = await sinkStreams(settings, 'plans');
  assert.deepEqual({ rows: resumed?.rows, failure: resumed?.failure }, { rows: 0, failure: undefined });
  const repaired = await comparisonOf(settings, 'plans', { isRepair: true });
  assert.equal(repaired.counts.other, 0);
  await check();
});
