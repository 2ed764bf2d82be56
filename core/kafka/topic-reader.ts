import type { KafkaMessage } from 'kafkajs';
import pLimit from 'p-limit';
import type { PartitionEnd } from './caught-up.ts';
import type { Settings } from '../settings/config.ts';
import { UnreadableBatchError } from '../errors.ts';
import { TimeSlice } from '../time-slice.ts';
import type { FetchedRange } from './partition-reader.ts';
import { readSpans, type AskedSpans, type PartitionSpan, type ReadStep } from './read-spans.ts';

const MAX_FETCH_BYTES = 4 * 1024 * 1024;

/**
 * Handles the messages of one topic. Messages with the same key arrive in offset order.
 */
export type MessageHandler = (message: KafkaMessage, partition: number) => void;

interface ReadOptions {
  readonly spans?: AskedSpans | undefined;
  /**
   * Awaited after each fetch, before the next one is handed over. It may take any amount of time.
   */
  readonly afterFetch?: () => Promise<void>;
  /**
   * Called for an unreadable topic. If it returns true, the reader continues with the other topics;
   * otherwise it fails.
   */
  readonly onUnreadable?: (topic: string, error: UnreadableBatchError) => boolean;
}

/**
 * Reads the committed messages of topics from the beginning to the current end offsets, or those in
 * `spans`, and returns when all have been handled. Does not join a consumer group.
 * @returns the partitions whose last messages were not read: compaction has removed them, or an
 *   open transaction hides them.
 * @throws ServiceUnavailableError, ServiceRefusedError; the signal's reason; what a handler or
 *   `afterFetch` throws; UnreadableBatchError unless `onUnreadable` returns true.
 */
export async function readTopics(
  settings: Pick<Settings, 'kafka'>,
  handlers: ReadonlyMap<string, MessageHandler>,
  signal: AbortSignal,
  { afterFetch, onUnreadable = () => false, spans }: ReadOptions = {},
): Promise<readonly PartitionEnd[]> {
  // Handlers share state, so only fetches overlap.
  const turns = pLimit(1);
  let failure: { readonly error: unknown } | undefined;
  const handOver = async (
    range: FetchedRange,
    { topic, partition, to }: PartitionSpan,
    stop: AbortSignal,
  ) => {
    // A turn may begin before the failure of the previous turn has stopped the reader.
    if (failure !== undefined) throw failure.error;
    stop.throwIfAborted();
    try {
      const handle = handlers.get(topic);
      const slice = new TimeSlice();
      for (const message of range.messages) {
        if (slice.isOver()) {
          await slice.next();
          stop.throwIfAborted();
        }
        if (BigInt(message.offset) < to) handle?.(message, partition);
      }
      await afterFetch?.();
    } catch (error) {
      // The other topics may be readable.
      if (!(error instanceof UnreadableBatchError)) failure = { error };
      throw error;
    }
  };
  const step: ReadStep = async (reader, span, next, stop) => {
    const fetched = await reader.fetch(span.topic, span.partition, next, MAX_FETCH_BYTES);
    await turns(() => handOver(fetched, span, stop));
    return fetched;
  };
  const topics = [...handlers.keys()];
  return readSpans({ settings, topics, asked: spans, signal, onUnreadable }, step);
}
