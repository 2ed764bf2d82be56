import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import { setInterval as every } from 'node:timers/promises';
import { messageOf } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import type { StreamSink } from '../stream/stream-sink.ts';

const LOOK_MS = 5_000;

/**
 * Every five seconds, reads which topics exist and where their partitions end, and notifies the
 * sinks. kafkajs notices neither while a topic is paused, and never notices a topic to which it is
 * not subscribed. Returns when the signal aborts. A failed attempt is only logged.
 * @param onOther receives each topic that has no sink.
 */
export async function watchTopics(
  admin: KafkaAdmin,
  sinks: ReadonlyMap<string, StreamSink>,
  signal: AbortSignal,
  onOther: (topic: string) => void,
): Promise<void> {
  const look = async () => {
    const topics = await admin.describeTopics();
    for (const topic of topics.keys()) if (!sinks.has(topic)) onOther(topic);
    for (const [name, sink] of sinks) {
      const topic = topics.get(name);
      sink.noticeTopic(topic?.id);
      if (topic === undefined || !sink.isAssigned || signal.aborted) continue;
      for (const { partition, end } of (await admin.topicOffsets(name))?.partitions ?? [])
        sink.noticeEnd(partition, end);
    }
  };
  try {
    for await (const tick of every(LOOK_MS, look, { signal }))
      await tick().catch((error: unknown) =>
        logger.debug({ reason: messageOf(error) }, 'topics could not be read'),
      );
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
