import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import { setInterval as every } from 'node:timers/promises';
import { messageOf } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import type { StreamSink } from '../stream/stream-sink.ts';

const LOOK_MS = 5_000;

/**
 * Looks every five seconds which topics there are and where they end, and lets the sinks know: kafkajs hears of neither while a topic is held, and of a
 * topic without a subscription not at all.
 *
 * @param onOthers is given the topics that have no sink.
 * @returns when the signal aborts. Never throws: what could not be asked is asked again.
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
