import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { JsonObject } from '../../core/json.ts';
import { readTopics, type MessageHandler } from '../../core/kafka/topic-reader.ts';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import type { Settings } from '../../core/settings/config.ts';
import { topicOf } from '../../core/stream-name.ts';
import { RecordDecoder } from '../../producers/encode/record-decoder.ts';
import { noSignal } from './settings.ts';
import { sinkStreams } from './pipeline.ts';
import { rowsOf } from './table-rows.ts';
import { createProducer, messagesOf } from './topic.ts';
import { waitFor } from './wait-for.ts';

/** Returns the settings with these streams as HISTORY_STREAMS. */
export function withHistory(settings: Settings, ...streams: string[]): Settings {
  return { ...settings, clickhouse: { ...settings.clickhouse, historyStreams: streams } };
}

/** A message about a plan. `plan` is null for a delete. */
export interface PlanMessage {
  readonly offset: string;
  readonly partition: number;
  readonly timeMs: number;
  readonly uuid: string;
  readonly plan: Readonly<Record<string, unknown>> | null;
}

/** Returns the messages on the topic of plans. All must have been written with the schema file. */
export async function planMessages(settings: Settings): Promise<PlanMessage[]> {
  const decoder = new RecordDecoder(readStreamSchema('plans'));
  const messages: PlanMessage[] = [];
  const handle: MessageHandler = ({ key, value, offset, timestamp }, partition) => {
    const plan = value === null ? null : decoder.decode(value);
    messages.push({ offset, partition, timeMs: Number(timestamp), uuid: key?.toString() ?? '', plan });
  };
  await readTopics(settings, new Map([[topicOf(settings.topicPrefix, 'plans'), handle]]), noSignal);
  return messages;
}

/**
 * Sends versions of plans, and a delete for each plan that is given as its uuid. Each message is at
 * least a millisecond later than the previous one.
 */
export async function sendVersions(
  t: TestContext,
  settings: Settings,
  ...plans: (JsonObject | string)[]
): Promise<void> {
  const producer = await createProducer(t, settings);
  const topic = topicOf(settings.topicPrefix, 'plans');
  for (const plan of plans) {
    const messages =
      typeof plan === 'string' ? [{ key: plan, value: null }] : await messagesOf(settings, 'plans', [plan]);
    await producer.send({ topic, messages });
    const sentMs = Date.now();
    await waitFor('the next millisecond', () => Date.now() > sentMs + 1);
  }
}

/** Sinks plans until caught up, and asserts that the stream has not failed. */
export async function sunk(settings: Settings): Promise<void> {
  const [counts] = await sinkStreams(settings, 'plans');
  assert.equal(counts?.failure, undefined);
}

/** Returns the number of rows in the history, including duplicates that are not yet merged. */
export async function versionCount(settings: Settings): Promise<unknown> {
  const [row] = await rowsOf(settings, 'SELECT count() AS n FROM plans_raw_history');
  return row?.['n'];
}

interface Version {
  readonly uuid: string;
  readonly name: unknown;
  readonly interval_count: number | null;
  readonly valid_from: number;
  readonly valid_to: number | null;
  readonly deleted_at: number | null;
  readonly changed_fields: string;
}

/** Computes the versions that the history must contain after these messages. */
export function versionsOf(messages: readonly PlanMessage[]): Version[] {
  const versions: Version[] = [];
  for (const uuid of new Set(messages.map((message) => message.uuid))) {
    const ofKey = messages.filter((message) => message.uuid === uuid);
    const inOrder = ofKey.sort((a, b) => a.timeMs - b.timeMs || Number(BigInt(a.offset) - BigInt(b.offset)));
    inOrder.forEach(({ plan, timeMs }, index) => {
      if (plan === null) return;
      const [before, after] = [inOrder[index - 1]?.plan, inOrder[index + 1]];
      const changed = Object.keys(plan).filter(
        (name) => before !== undefined && before !== null && !isDeepStrictEqual(before[name], plan[name]),
      );
      versions.push({
        uuid,
        name: plan['name'],
        interval_count: plan['interval_count'] === null ? null : Number(plan['interval_count']),
        valid_from: timeMs,
        valid_to: after?.timeMs ?? null,
        deleted_at: after?.plan === null ? after.timeMs : null,
        changed_fields: changed.sort().join(),
      });
    });
  }
  return sorted(versions);
}

/** Returns the history of plans, as the view shows it. */
export async function shownVersions(settings: Settings): Promise<unknown[]> {
  const ms = (name: string) => `toUnixTimestamp64Milli(${name}) AS ${name}`;
  return sorted(
    (await rowsOf(
      settings,
      `SELECT uuid, name, interval_count, ${ms('valid_from')}, ${ms('valid_to')}, ${ms('deleted_at')},
              arrayStringConcat(arraySort(changed_fields), ',') AS changed_fields FROM plans_history`,
    )) as unknown as Version[],
  );
}

/** Sorts the versions independently of their order within a millisecond. */
function sorted(versions: readonly Version[]): Version[] {
  const text = ({ uuid, valid_from: from, ...rest }: Version) =>
    JSON.stringify([uuid, from, Object.entries(rest)]);
  return [...versions].sort((a, b) => (text(a) < text(b) ? -1 : 1));
}
