import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deadLettersTopic } from '../../core/stream-name.ts';
import { ReplayLock } from '../../operations/replay/replay-lock.ts';
import { connectAdmin } from '../helpers/kafka-admin.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { command, plansTable } from '../helpers/plans-table.ts';
import { deadLettersOf, waitingOf } from '../helpers/read-dead-letters.ts';
import { readTopic } from '../helpers/read-topic.ts';
import {
  PARTITION,
  createRefusingTable,
  deadLetters,
  dropConstraints,
  storedOffsets,
} from '../helpers/refusing-table.ts';
import { noSignal } from '../helpers/settings.ts';

test('a redrive skips a row that would move the checkpoint past messages that the table lacks', async (t) => {
  const { settings, producer, sendPlans } = await createRefusingTable(t);
  await sendPlans(13, 1, 26);
  await sinkStreams(settings, 'plans');
  await dropConstraints(settings);
  // The group has committed all offsets of the topic, but the table is empty.
  await command(settings, `TRUNCATE TABLE ${plansTable(settings)}`);
  const emptied = await deadLetters(t, settings, 'redrive', '--all');
  assert.equal(emptied.exitCode, 1);
  assert.equal(emptied.stdout.split('skipped:').length, 3, emptied.stdout);
  assert.deepEqual(await storedOffsets(settings), []);
  await sinkStreams(settings, 'plans');
  assert.deepEqual(await storedOffsets(settings), [0, 1, 2, 3]);

  // A dead letter for a message that the sink has not reached yet.
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

test('a redrive during a replay keeps dead letters whose rows the new table would lack', async (t) => {
  const { settings, sendPlans } = await createRefusingTable(t);
  await sendPlans(13, 1);
  await sinkStreams(settings, 'plans');
  await dropConstraints(settings);
  const admin = await connectAdmin(settings);
  const replaying = await ReplayLock.acquire(admin, settings, 'plans', noSignal);
  try {
    const { exitCode, stdout } = await deadLetters(t, settings, 'redrive', '--all');
    assert.equal(exitCode, 1);
    assert.match(stdout, /plans is being replayed/);
  } finally {
    await replaying.release();
    await admin.close();
  }
  assert.deepEqual(await storedOffsets(settings), [0, 2]);
  const { stdout } = await deadLetters(t, settings, 'redrive', '--all');
  assert.match(stdout, /^1 redriven/m);
  assert.deepEqual(await storedOffsets(settings), [0, 1, 2]);
});

test('a redrive repeated after a kill finds its row in the table and leaves nothing pending', async (t) => {
  const { settings, producer, sendPlans } = await createRefusingTable(t);
  await sendPlans(13, 1);
  await sinkStreams(settings, 'plans');
  await dropConstraints(settings);
  const topic = deadLettersTopic(settings.topicPrefix);
  const [deadLetter] = await readTopic(settings, topic);
  assert.ok(deadLetter);
  const [{ id } = { id: '' }] = await waitingOf(settings);
  const first = await deadLetters(t, settings, 'redrive', id.slice(0, 6));
  assert.deepEqual(
    { exitCode: first.exitCode, lines: first.stdout.split('\n').length },
    { exitCode: 0, lines: 3 },
    first.stdout + first.stderr,
  );
  // Simulates a redrive that was killed before it sent the mark.
  await producer.send({ topic, messages: [deadLetter] });
  const second = await deadLetters(t, settings, 'redrive', '--all');
  assert.match(second.stdout, / plans {2}sink {2}its row is already in the table\n1 redriven\n$/);
  assert.deepEqual(await storedOffsets(settings), [0, 1, 2]);
  const third = await deadLetters(t, settings, 'redrive', '--all');
  assert.deepEqual(
    { exitCode: third.exitCode, stdout: third.stdout },
    { exitCode: 0, stdout: 'no dead letters pending\n' },
  );
  assert.deepEqual(
    (await deadLettersOf(settings)).map(({ state }) => state),
    ['redriven'],
  );
});
