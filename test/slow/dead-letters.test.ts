import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deadLettersTopic } from '../../core/stream-name.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { command, plansTable } from '../helpers/plans-table.ts';
import { readTopic } from '../helpers/read-topic.ts';
import {
  PARTITION,
  deadLetters,
  createRefusingTable,
  storedOffsets,
  dropConstraints,
} from '../helpers/refusing-table.ts';

test('a redrive skips a row that would move the checkpoint past messages missing in the table', async (t) => {
  const { settings, producer, sendPlans } = await createRefusingTable(t);
  await sendPlans(13, 1, 26);
  await sinkStreams(settings, 'plans');
  await dropConstraints(settings);
  // The group has committed the whole topic; its rows are gone.
  await command(settings, `TRUNCATE TABLE ${plansTable(settings)}`);
  const emptied = await deadLetters(t, settings, 'redrive', '--all');
  assert.equal(emptied.exitCode, 1);
  assert.equal(emptied.stdout.split('skipped:').length, 3, emptied.stdout);
  assert.deepEqual(await storedOffsets(settings), []);
  await sinkStreams(settings, 'plans');
  assert.deepEqual(await storedOffsets(settings), [0, 1, 2, 3]);

  // A dead letter of a message that the sink has not reached.
  await sendPlans(3, 39);
  const topic = deadLettersTopic(settings.topicPrefix);
  const letters = await readTopic(settings, topic);
  const [deadLetter] = letters;
  assert.ok(deadLetter);
  const headers = { ...deadLetter.headers, offset: '5', timestamp: String(Date.now()) };
  await producer.send({ topic, messages: [{ ...deadLetter, key: `plans|sink|${PARTITION}|5`, headers }] });
  const early = await deadLetters(t, settings, 'redrive', '--step', 'sink');
  assert.equal(early.exitCode, 1);
  assert.match(early.stdout.replace(/\s+/g, ' '), /skipped: the sink has not reached its message yet/);
  assert.match(early.stdout, /^2 redriven, 1 skipped$/m);
  assert.deepEqual(await storedOffsets(settings), [0, 1, 2, 3]);
  await sinkStreams(settings, 'plans');
  assert.deepEqual(await storedOffsets(settings), [0, 1, 2, 3, 4, 5]);
});
