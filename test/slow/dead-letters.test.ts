import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { qualified } from '../../core/clickhouse/client.ts';
import type { Settings } from '../../core/settings/config.ts';
import { deadLettersTopic, topicOf } from '../../core/stream-name.ts';
import { runCommand, type CommandResult } from '../helpers/command.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { command } from '../helpers/plans-table.ts';
import { readTopic } from '../helpers/read-topic.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';

const PARTITION = 2;

const deadLetters = (t: TestContext, settings: Settings, ...args: string[]): Promise<CommandResult> =>
  runCommand(t, 'commands/dead-letters.ts', args, environmentOf(settings));

const table = ({ clickhouse }: Settings) => qualified(clickhouse.database, 'plans_raw');
const plans = (...numbers: number[]) =>
  numbers.map((number) => ({ uuid: `pl_${number}`, interval_count: number }));

/** Plans on one partition of their topic, a table that refuses thirteens, and what the sink made of both. */
async function createRefusingTable(t: TestContext) {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  const producer = await createProducer(t, settings);
  const topic = topicOf(settings.topicPrefix, 'plans');
  const send = async (messages: readonly { key: string; value: Buffer | null }[]) => {
    const pinned = messages.map(({ key, value }) => ({ key, value, partition: PARTITION }));
    await producer.send({ topic, messages: pinned });
  };
  const sendPlans = async (...numbers: number[]) =>
    send(await messagesOf(settings, 'plans', plans(...numbers)));
  await sendPlans(0);
  await sinkStreams(settings, 'plans');
  await command(
    settings,
    `SYSTEM STOP MERGES ${table(settings)}`,
    `ALTER TABLE ${table(settings)} ADD CONSTRAINT no_thirteens CHECK interval_count % 13 != 0 OR _deleted`,
    `ALTER TABLE ${table(settings)} ADD CONSTRAINT no_deletes CHECK NOT _deleted`,
  );
  return { settings, producer, send, sendPlans };
}

/** Offset and key of every row of the table, duplicates too, by version. */
const storedRows = async (settings: Settings) =>
  (await rowsOf(settings, 'SELECT _offset AS o, uuid FROM plans_raw ORDER BY _version')).map(
    ({ o, uuid }) => [o, uuid],
  );
const storedOffsets = async (settings: Settings) => (await storedRows(settings)).map(([offset]) => offset);

const dropConstraints = async (settings: Settings) =>
  command(
    settings,
    `ALTER TABLE ${table(settings)} DROP CONSTRAINT no_thirteens`,
    `ALTER TABLE ${table(settings)} DROP CONSTRAINT no_deletes`,
  );

test('a row that would lift the checkpoint over messages that are not in the table is not inserted', async (t) => {
  const { settings, producer, sendPlans } = await createRefusingTable(t);
  await sendPlans(13, 1, 26);
  await sinkStreams(settings, 'plans');
  await dropConstraints(settings);
  // The group has committed all of it; its rows are gone.
  await command(settings, `TRUNCATE TABLE ${table(settings)}`);
  const emptied = await deadLetters(t, settings, 'redrive', '--all');
  assert.equal(emptied.exitCode, 1);
  assert.equal(emptied.stdout.split('skipped:').length, 3, emptied.stdout);
  assert.deepEqual(await storedOffsets(settings), []);
  await sinkStreams(settings, 'plans');
  assert.deepEqual(await storedOffsets(settings), [0, 1, 2, 3]);

  // A letter of a message that the sink has not come to.
  await sendPlans(3, 39);
  const topic = deadLettersTopic(settings.topicPrefix);
  const letters = await readTopic(settings, topic);
  const [letter] = letters;
  assert.ok(letter);
  const headers = { ...letter.headers, offset: '5', timestamp: String(Date.now()) };
  await producer.send({ topic, messages: [{ ...letter, key: `plans|sink|${PARTITION}|5`, headers }] });
  const early = await deadLetters(t, settings, 'redrive', '--step', 'sink');
  assert.equal(early.exitCode, 1);
  assert.match(early.stdout.replace(/\s+/g, ' '), /skipped: the sink has not passed its message yet/);
  assert.match(early.stdout, /^2 redriven, 1 skipped$/m);
  assert.deepEqual(await storedOffsets(settings), [0, 1, 2, 3]);
  await sinkStreams(settings, 'plans');
  assert.deepEqual(await storedOffsets(settings), [0, 1, 2, 3, 4, 5]);
});
