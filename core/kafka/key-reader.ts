import type { KafkaMessage } from 'kafkajs';
import type { Settings } from '../settings/config.ts';
import { UnreadableBatchError } from '../errors.ts';
import { scanRecords, type ScannedRecord } from './decoder/record-scan.ts';
import { readSpans, type ReadStep } from './read-spans.ts';

const MAX_FETCH_BYTES = 4 * 1024 * 1024;

/**
 * Handles the committed records of one topic. Records with the same key arrive in offset order.
 */
export type KeyHandler = (record: ScannedRecord) => void;

/**
 * Reads the keys and headers of the committed records of topics, from the beginning to the current
 * end offsets. Unlike `readTopics`, it skips values, which makes it several times faster.
 * @param onUnreadable is called for an unreadable topic. If it returns true, the reader continues
 *   with the other topics; otherwise it fails.
 * @throws ServiceUnavailableError, ServiceRefusedError; the signal's reason; what a handler throws;
 *   UnreadableBatchError if `onUnreadable` returns false.
 */
export async function readKeys(
  settings: Pick<Settings, 'kafka'>,
  handlers: ReadonlyMap<string, KeyHandler>,
  signal: AbortSignal,
  onUnreadable: (topic: string, error: UnreadableBatchError) => boolean,
): Promise<void> {
  const step: ReadStep = async (reader, { topic, partition }, next) => {
    const handle = handlers.get(topic) ?? (() => undefined);
    const batches = await reader.fetchBatches(topic, partition, next, MAX_FETCH_BYTES);
    if (batches.isOldFormat) {
      const fetched = await reader.fetch(topic, partition, next, MAX_FETCH_BYTES);
      for (const message of fetched.messages) handle(recordOf(message));
      return fetched;
    }
    const after = await scanned(topic, partition, scanRecords(batches, next, handle));
    return { next: after, stableEnd: batches.stableEnd };
  };
  await readSpans({ settings, topics: [...handlers.keys()], signal, onUnreadable }, step);
}

/** Adds topic and partition to the error's message. */
async function scanned<T>(topic: string, partition: number, scan: Promise<T>): Promise<T> {
  try {
    return await scan;
  } catch (error) {
    if (!(error instanceof UnreadableBatchError)) throw error;
    throw new UnreadableBatchError(`topic ${topic}, partition ${partition}: ${error.message}`);
  }
}

/** Messages in a format from before Kafka 0.11 have no headers. */
function recordOf({ key, value }: KafkaMessage): ScannedRecord {
  return {
    key,
    hasValue: value !== null,
    header: () => undefined,
    headerWords: (_, words, at) => words.fill(0, at, at + 2),
  };
}
