import type { KafkaMessage } from 'kafkajs';
import pLimit from 'p-limit';
import type { KafkaAdmin } from './admin.ts';
import { withAbort } from '../deadline.ts';
import type { Settings } from '../settings/config.ts';
import { StoppedError, UnreadableBatchError } from '../errors.ts';
import { scanRecords, type ScannedRecord } from './decoder/record-scan.ts';
import { logger } from '../logger.ts';
import { PartitionReader } from './partition-reader.ts';
import { serviceRetry } from '../retry.ts';
import { readTopics } from './topic-reader.ts';

const MAX_FETCH_BYTES = 4 * 1024 * 1024;

/** While the records of one response are handled, the next responses arrive. */
const PARTITIONS_AT_A_TIME = 3;

/** Longer than our transactions may stay open. */
const SILENCE_MS = 60_000;

/** Handles the committed records of one topic. Those of a key arrive in the order of the topic. */
export type KeyHandler = (record: ScannedRecord) => void;

/** Offsets of a partition that hold records: from `start` to below `end`. */
interface PartitionSpan {
  readonly topic: string;
  readonly partition: number;
  readonly start: bigint;
  readonly end: bigint;
}

/** How a partition was read. Messages of an old format need another reader. */
type Outcome = 'done' | 'unreadable' | 'old';

/**
 * Reads the keys and headers of the committed records of topics, from the beginning to the current
 * end offsets. Unlike `readTopics`, it joins no group and skips values, which makes it several
 * times faster.
 * @param onUnreadable is called for an unreadable topic. True: the reader continues with the
 *   others; false: it fails.
 * @throws ServiceUnavailableError, ServiceRefusedError; the signal's reason; what a handler throws;
 *   UnreadableBatchError if `onUnreadable` returns false.
 */
export async function readKeys(
  admin: KafkaAdmin,
  settings: Pick<Settings, 'kafka' | 'topicPrefix'>,
  handlers: ReadonlyMap<string, KeyHandler>,
  signal: AbortSignal,
  onUnreadable: (topic: string, error: UnreadableBatchError) => boolean,
): Promise<void> {
  const spans: PartitionSpan[] = [];
  for (const topic of handlers.keys())
    for (const span of (await admin.topicOffsets(topic))?.partitions ?? [])
      if (span.start !== span.end) spans.push({ topic, ...span });
  if (spans.length === 0) return;

  const ended = new Map<string, Outcome>();
  const read = async (reader: PartitionReader, span: PartitionSpan, stop: AbortSignal) => {
    const { topic } = span;
    const handle = handlers.get(topic) ?? (() => undefined);
    try {
      const outcome = await readPartition(reader, span, handle, () => ended.has(topic), stop);
      if (outcome !== 'done') ended.set(topic, outcome);
    } catch (error) {
      if (!(error instanceof UnreadableBatchError) || !onUnreadable(topic, error)) throw error;
      ended.set(topic, 'unreadable');
    }
  };
  const limit = pLimit(PARTITIONS_AT_A_TIME);
  await withAbort(signal, (stop) =>
    PartitionReader.with(
      settings.kafka,
      stop.signal,
      (reader) =>
        all(
          stop,
          spans.map((span) => () => limit(() => read(reader, span, stop.signal))),
        ),
      serviceRetry,
    ),
  );

  // From the beginning: what was handled is handled again, in the same order.
  const old = [...handlers].filter(([topic]) => ended.get(topic) === 'old');
  const again = old.map(
    ([topic, handle]) => [topic, (message: KafkaMessage) => handle(recordOf(message))] as const,
  );
  if (old.length > 0) await readTopics(admin, settings, new Map(again), signal, { onUnreadable });
}

async function readPartition(
  reader: PartitionReader,
  { topic, partition, start, end }: PartitionSpan,
  handle: KeyHandler,
  hasEnded: () => boolean,
  signal: AbortSignal,
): Promise<'done' | 'old'> {
  let progressMs = performance.now();
  for (let next = start; next < end;) {
    signal.throwIfAborted();
    if (hasEnded()) return 'done';
    const batches = await reader.fetchBatches(topic, partition, next, MAX_FETCH_BYTES);
    if (batches.isOldFormat) return 'old';
    const after = await scanned(topic, partition, scanRecords(batches, next, handle));
    const isSilent = performance.now() - progressMs > SILENCE_MS;
    if (after > next) progressMs = performance.now();
    // Compaction has removed the rest, or a transaction is open that is not one of ours.
    else if (batches.stableEnd >= end || isSilent) {
      if (isSilent)
        logger.warn({ topic, partition, next, end }, 'an open transaction hides the last messages');
      return 'done';
    }
    next = after;
  }
  return 'done';
}

/** Adds the place to the message. */
async function scanned<T>(topic: string, partition: number, scan: Promise<T>): Promise<T> {
  try {
    return await scan;
  } catch (error) {
    if (!(error instanceof UnreadableBatchError)) throw error;
    throw new UnreadableBatchError(`topic ${topic}, partition ${partition}: ${error.message}`);
  }
}

function recordOf({ key, value, headers }: KafkaMessage): ScannedRecord {
  return {
    key,
    hasValue: value !== null,
    header: (name) => {
      const header = headers?.[name.toString('utf8')];
      return Buffer.isBuffer(header) ? header : undefined;
    },
  };
}

/** Runs all works. If one fails, stops the others and throws its error once they have ended. */
async function all(stop: AbortController, works: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: Error[] = [];
  const stopping = async (work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      failures.push(error as Error);
      stop.abort(new StoppedError('another partition could not be read'));
    }
  };
  await Promise.all(works.map(stopping));
  const [first] = failures;
  if (first !== undefined) throw first;
}
