import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import { setInterval as every } from 'node:timers/promises';
import { messageOf } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import type { StreamSink } from '../stream/stream-sink.ts';

const LOOK_MS = 5_000;

/**
 * Reads every five seconds which topics exist and where they end, and notifies the sinks: kafkajs
 * notices neither while a topic is held, and never notices a topic without a subscription.
 *
 * @param onOthers receives the topics that have no sink.
 * @returns when the signal aborts. Never throws: a failed request is repeated.
 */
export async function watchTopics(
  admin: KafkaAdmin,
  sinks: ReadonlyMap<string, StreamSink>,
  signal: AbortSignal,
  onOthers: (topics: readonly string[]) => void,
): Promise<void> {
  const look = async () => {
    const topics = await admin.describeTopics();
    onOthers([...topics.keys()].filter((topic) => !sinks.has(topic)));
    for (const [name, sink] of sinks) {
      const topic = topics.get(name);
      sink.noticeTopic(topic?.id);
      if (topic === undefined || !sink.isAssigned || signal.aborted) continue;
      for (const { partition, end } of (await admin.topicOffsets(name))?.partitions ?? [])
        sink.noticeEnd(partition, end);
    }
  };
  try {
    for await (const tick of every(LOOK_MS, look, { signal })) await tryTo(tick);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function tryTo(look: () => Promise<void>): Promise<void> {
  try {
    await look();
  } catch (error) {
    logger.debug({ reason: messageOf(error) }, 'topics not looked at');
  }
}
