import type { TestContext } from 'node:test';
import type { Settings } from '../../core/settings/config.ts';
import { topicOf } from '../../core/stream-name.ts';
import { runCommand, type CommandResult } from './command.ts';
import { sinkStreams } from './pipeline.ts';
import { command, plansTable } from './plans-table.ts';
import { createSettings, environmentOf } from './settings.ts';
import { rowsOf } from './table-rows.ts';
import { createProducer, createTopics, messagesOf } from './topic.ts';

export const PARTITION = 2;

export const deadLetters = (t: TestContext, settings: Settings, ...args: string[]): Promise<CommandResult> =>
  runCommand(t, 'commands/dead-letters.ts', args, environmentOf(settings));

const plans = (...numbers: number[]) =>
  numbers.map((number) => ({ uuid: `pl_${number}`, interval_count: number }));

/**
 * Creates a table of plans that rejects deletes and multiples of 13, and functions that send plans
 * to one partition.
 */
export async function createRefusingTable(t: TestContext) {
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
    `SYSTEM STOP MERGES ${plansTable(settings)}`,
    `ALTER TABLE ${plansTable(settings)} ADD CONSTRAINT no_thirteens CHECK interval_count % 13 != 0 OR _deleted`,
    `ALTER TABLE ${plansTable(settings)} ADD CONSTRAINT no_deletes CHECK NOT _deleted`,
  );
  return { settings, producer, send, sendPlans };
}

/** Returns the offset and key of every row of the table, with duplicates, sorted by version. */
export const storedRows = async (settings: Settings) =>
  (await rowsOf(settings, 'SELECT _offset AS o, uuid FROM plans_raw ORDER BY _version')).map(
    ({ o, uuid }) => [o, uuid],
  );
export const storedOffsets = async (settings: Settings) =>
  (await storedRows(settings)).map(([offset]) => offset);

export const dropConstraints = async (settings: Settings) =>
  command(
    settings,
    `ALTER TABLE ${plansTable(settings)} DROP CONSTRAINT no_thirteens`,
    `ALTER TABLE ${plansTable(settings)} DROP CONSTRAINT no_deletes`,
  );
