import { ServiceRefusedError, TopicGoneError } from '../../core/errors.ts';
import { readTopic, type AskAdmin } from '../../core/kafka/client.ts';
import { messageTimeMs } from '../../core/kafka/message-time.ts';
import { describeTopicConfigs, hasBrokerTimes } from '../../core/kafka/topic-retention.ts';
import type { PartitionLog } from './resume-offset.ts';

/**
 * The partitions of a topic as they are now, by number.
 *
 * @throws TopicGoneError if there is no such topic; ServiceUnavailableError, ServiceRefusedError
 */
export async function readPartitionLogs(ask: AskAdmin, topic: string): Promise<Map<number, PartitionLog>> {
  const found = await readTopic(ask, topic);
  if (found === undefined) throw new TopicGoneError(`there is no topic ${topic}`);
  const byTime = new Map<bigint, Promise<Map<number, bigint>>>();
  const offsetsSince = (timeMs: bigint) => {
    const asked = byTime.get(timeMs) ?? askOffsetsSince(ask, topic, timeMs);
    byTime.set(timeMs, asked);
    return asked;
  };
  let brokerTimes: Promise<boolean> | undefined;
  const logs = new Map<number, PartitionLog>();
  for (const { partition, low, high } of found.offsets) {
    const end = BigInt(high);
    logs.set(partition, {
      topicId: found.id,
      start: BigInt(low),
      end,
      hasBrokerTimes: () => (brokerTimes ??= askBrokerTimes(ask, topic)),
      firstOffsetSince: async (timeMs) => (await offsetsSince(timeMs)).get(partition) ?? end,
    });
  }
  return logs;
}

async function askBrokerTimes(ask: AskAdmin, topic: string): Promise<boolean> {
  try {
    return hasBrokerTimes((await describeTopicConfigs(ask, [topic])).get(topic));
  } catch (error) {
    // An account that may read a topic need not be allowed to see how it is configured.
    if (error instanceof ServiceRefusedError) return false;
    throw error;
  }
}

async function askOffsetsSince(ask: AskAdmin, topic: string, timeMs: bigint): Promise<Map<number, bigint>> {
  // Kafka takes -1 and -2 for the end and the start.
  const asked = messageTimeMs(String(timeMs));
  const offsets = await ask((admin) => admin.fetchTopicOffsetsByTimestamp(topic, asked));
  return new Map(offsets.map(({ partition, offset }) => [partition, BigInt(offset)]));
}

/** Kafka's id of the topic; 0 where it is not known. */
export function topicIdOf(logs: ReadonlyMap<number, PartitionLog>): bigint {
  for (const { topicId } of logs.values()) return topicId;
  return 0n;
}

/** By partition, the offset behind the last that it has, or had when it was looked at. */
export function endsOf(partitions: ReadonlyMap<number, { readonly end: bigint }>): Map<number, bigint> {
  return new Map([...partitions].map(([partition, { end }]) => [partition, end]));
}
