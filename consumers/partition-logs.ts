import type { AskAdmin } from '../core/kafka.ts';
import { messageTimeMs } from '../core/message-time.ts';
import type { PartitionLog } from './resume-offset.ts';

/** The partitions of a topic as they are now, by number. @throws ServiceUnavailableError, ServiceRefusedError */
export async function readPartitionLogs(ask: AskAdmin, topic: string): Promise<Map<number, PartitionLog>> {
  const byTime = new Map<bigint, Promise<Map<number, bigint>>>();
  const offsetsSince = (timeMs: bigint) => {
    const asked = byTime.get(timeMs) ?? askOffsetsSince(ask, topic, timeMs);
    byTime.set(timeMs, asked);
    return asked;
  };
  const logs = new Map<number, PartitionLog>();
  for (const { partition, low, high } of await ask((admin) => admin.fetchTopicOffsets(topic))) {
    const end = BigInt(high);
    logs.set(partition, {
      start: BigInt(low),
      end,
      firstOffsetSince: async (timeMs) => (await offsetsSince(timeMs)).get(partition) ?? end,
    });
  }
  return logs;
}

async function askOffsetsSince(ask: AskAdmin, topic: string, timeMs: bigint): Promise<Map<number, bigint>> {
  // Kafka takes -1 and -2 for the end and the start.
  const asked = messageTimeMs(String(timeMs));
  const offsets = await ask((admin) => admin.fetchTopicOffsetsByTimestamp(topic, asked));
  return new Map(offsets.map(({ partition, offset }) => [partition, BigInt(offset)]));
}

/** By partition, the offset behind the last that it has, or had when it was looked at. */
export function endsOf(partitions: ReadonlyMap<number, { readonly end: bigint }>): Map<number, bigint> {
  return new Map([...partitions].map(([partition, { end }]) => [partition, end]));
}
