import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import { ServiceRefusedError, TopicGoneError } from '../../core/errors.ts';
import { messageTimeMs } from '../../core/kafka/message-time.ts';
import type { PartitionLog } from './resume-offset.ts';

/** Returns the current partitions of a topic by number. @throws TopicGoneError */
export async function readPartitionLogs(
  admin: KafkaAdmin,
  topic: string,
): Promise<Map<number, PartitionLog>> {
  const found = await admin.topicOffsets(topic);
  if (found === undefined) throw new TopicGoneError(`there is no topic ${topic}`);
  const byTime = new Map<bigint, Promise<ReadonlyMap<number, bigint>>>();
  const offsetsSince = (timeMs: bigint) => {
    // `messageTimeMs` turns negative times into 0, because Kafka interprets -1 and -2 as the end
    // and the start.
    const asked = byTime.get(timeMs) ?? admin.offsetsSince(topic, messageTimeMs(String(timeMs)));
    byTime.set(timeMs, asked);
    return asked;
  };
  let brokerTimes: Promise<boolean> | undefined;
  const logs = new Map<number, PartitionLog>();
  for (const { partition, start, end } of found.partitions) {
    logs.set(partition, {
      topicId: found.id,
      start,
      end,
      hasBrokerTimes: () => (brokerTimes ??= askBrokerTimes(admin, topic)),
      firstOffsetSince: async (timeMs) => (await offsetsSince(timeMs)).get(partition) ?? end,
    });
  }
  return logs;
}

async function askBrokerTimes(admin: KafkaAdmin, topic: string): Promise<boolean> {
  try {
    return await admin.hasBrokerTimes(topic);
  } catch (error) {
    // An account that may read a topic may lack the right to read its configuration.
    if (error instanceof ServiceRefusedError) return false;
    throw error;
  }
}

/** Returns Kafka's id of the topic; 0 if unknown. */
export function topicIdOf(logs: ReadonlyMap<number, PartitionLog>): bigint {
  for (const { topicId } of logs.values()) return topicId;
  return 0n;
}

export function endsOf(partitions: ReadonlyMap<number, { readonly end: bigint }>): Map<number, bigint> {
  return new Map([...partitions].map(([partition, { end }]) => [partition, end]));
}
