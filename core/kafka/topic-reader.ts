import type { KafkaMessage } from 'kafkajs';
import pLimit from 'p-limit';
import type { PartitionEnd } from './caught-up.ts';
import type { Settings } from '../settings/config.ts';
import type { UnreadableBatchError } from '../errors.ts';
import { TimeSlice } from '../time-slice.ts';
import { readSpans, type AskedSpans, type ReadStep } from './read-spans.ts';

const MAX_FETCH_BYTES = 4 * 1024 * 1024;

/** Handles the messages of one topic. Those of a key arrive in the order of the topic. */
export type MessageHandler = (message: KafkaMessage, partition: number) => void;

interface ReadOptions {
  readonly spans?: AskedSpans | undefined;
  /** Awaited after each fetch, before the next one is handed over. It may take any time. */
  readonly afterFetch?: () => Promise<void>;
  /**
   * Called for an unreadable topic. True: the reader continues with the others; false: it fails.
   */
  readonly onUnreadable?: (topic: string, error: UnreadableBatchError) => boolean;
}

/**
 * Reads the committed messages of topics from the beginning to the current end offsets, and returns
 * when all are handled. It joins no consumer group.
 * @returns the partitions whose last messages compaction removed.
 * @throws ServiceUnavailableError, ServiceRefusedError; the signal's reason; what a handler or
 *   `afterFetch` throws; UnreadableBatchError without `onUnreadable`.
 */
export async function readTopics(
  settings: Pick<Settings, 'kafka'>,
  handlers: ReadonlyMap<string, MessageHandler>,
  signal: AbortSignal,
  { afterFetch, onUnreadable = () => false, spans }: ReadOptions = {},
): Promise<readonly PartitionEnd[]> {
  // Handlers share state, so only fetches overlap.
  const turns = pLimit(1);
  const step: ReadStep = async (reader, { topic, partition, to }, next) => {
    const fetched = await reader.fetch(topic, partition, next, MAX_FETCH_BYTES);
    await turns(async () => {
      const handle = handlers.get(topic);
      const slice = new TimeSlice();
      for (const message of fetched.messages) {
        if (slice.isOver()) {
          await slice.next();
          signal.throwIfAborted();
        }
        if (BigInt(message.offset) < to) handle?.(message, partition);
      }
      await afterFetch?.();
    });
    return fetched;
  };
  const topics = [...handlers.keys()];
  return readSpans({ settings, topics, asked: spans, signal, onUnreadable }, step);
}
