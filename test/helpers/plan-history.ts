import { isDeepStrictEqual } from 'node:util';
import { readTopics, type MessageHandler } from '../../core/kafka/topic-reader.ts';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import type { Settings } from '../../core/settings/config.ts';
import { topicOf } from '../../core/stream-name.ts';
import { RecordDecoder } from '../../producers/encode/record-decoder.ts';
import { connectAdmin } from './kafka-admin.ts';
import { noSignal } from './settings.ts';
import { rowsOf } from './table-rows.ts';

/** The same settings with HISTORY_STREAMS. */
export function withHistory(settings: Settings, ...streams: string[]): Settings {
  return { ...settings, clickhouse: { ...settings.clickhouse, historyStreams: streams } };
}

/** A message of a plan; null for a delete. */
export interface PlanMessage {
  readonly offset: string;
  readonly partition: number;
  readonly timeMs: number;
  readonly uuid: string;
  readonly plan: Readonly<Record<string, unknown>> | null;
}

/** The messages that the topic of plans has, all written with the schema file. */
export async function planMessages(settings: Settings): Promise<PlanMessage[]> {
  const decoder = new RecordDecoder(readStreamSchema('plans'));
  const messages: PlanMessage[] = [];
  const handle: MessageHandler = ({ key, value, offset, timestamp }, partition) => {
    const plan = value === null ? null : decoder.decode(value);
    messages.push({ offset, partition, timeMs: Number(timestamp), uuid: key?.toString() ?? '', plan });
  };
  const admin = await connectAdmin(settings);
  try {
    await readTopics(admin, settings, new Map([[topicOf(settings.topicPrefix, 'plans'), handle]]), noSignal);
  } finally {
    await admin.close();
  }
  return messages;
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

/** The history that these messages make, computed one message after the other. */
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

/** The history of plans as its view shows it. */
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

function sorted(versions: Version[]): Version[] {
  return versions.sort((a, b) => {
    if (a.uuid !== b.uuid) return a.uuid < b.uuid ? -1 : 1;
    if (a.valid_from !== b.valid_from) return a.valid_from - b.valid_from;
    return Number(a.interval_count) - Number(b.interval_count);
  });
}
