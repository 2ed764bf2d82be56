import pLimit from 'p-limit';
import type { PartitionEnd } from './caught-up.ts';
import { withAbort } from '../deadline.ts';
import { StoppedError, UnreadableBatchError } from '../errors.ts';
import { logger } from '../logger.ts';
import { serviceRetry } from '../retry.ts';
import type { Settings } from '../settings/config.ts';
import { isOffsetOutOfRange } from './kafka-error.ts';
import { PartitionReader, type PartitionLog } from './partition-reader.ts';

/** While one response is handled, the next ones arrive. */
const PARTITIONS_AT_A_TIME = 3;

/**
 * Longer than our transactions may stay open. A transaction that hides messages below the end
 * offsets began before the read, so one such wait is enough for all partitions.
 */
const SILENCE_MS = 60_000;

/** Offsets of a partition from `from` up to, but excluding, `to`. */
export interface OffsetSpan {
  readonly from: bigint;
  readonly to: bigint;
}

export interface PartitionSpan extends OffsetSpan {
  readonly topic: string;
  readonly partition: number;
}

/** The progress of a read. If it found nothing, `next` is the offset at which it began. */
interface Progress {
  readonly next: bigint;
  /** Messages of open transactions begin at this offset and cannot be read. */
  readonly stableEnd: bigint;
}

/**
 * Fetches from offset `next` of the span, and handles the response. The signal aborts as soon as
 * the read of another partition fails.
 */
export type ReadStep = (
  reader: PartitionReader,
  span: PartitionSpan,
  next: bigint,
  signal: AbortSignal,
) => Promise<Progress>;

/** The only offsets to read, by topic and partition. Topics without an entry are read in full. */
export type AskedSpans = ReadonlyMap<string, ReadonlyMap<number, OffsetSpan>>;

interface ReadSpansOptions {
  readonly settings: Pick<Settings, 'kafka'>;
  readonly topics: readonly string[];
  readonly asked?: AskedSpans | undefined;
  readonly signal: AbortSignal;
  /**
   * Called for an unreadable topic. If it returns true, the reader continues with the other topics;
   * otherwise it fails.
   */
  readonly onUnreadable: (topic: string, error: UnreadableBatchError) => boolean;
}

/**
 * Reads topics from the beginning to the current end offsets, or the `asked` spans, a few
 * partitions at a time, each in order. Does not join a consumer group. Missing topics count as
 * empty.
 * @returns the partitions whose last messages were not read: compaction has removed them, or an
 *   open transaction hides them.
 * @throws ServiceUnavailableError, ServiceRefusedError; the signal's reason; what `step` throws;
 *   UnreadableBatchError if `onUnreadable` returns false.
 */
export async function readSpans(
  { settings, topics, asked = new Map(), signal, onUnreadable }: ReadSpansOptions,
  step: ReadStep,
): Promise<readonly PartitionEnd[]> {
  const unreadable = new Set<string>();
  const behind: PartitionEnd[] = [];
  const read = async (reader: PartitionReader, span: PartitionSpan, silentMs: number, stop: AbortSignal) => {
    const { topic, partition, to } = span;
    const isOver = () => {
      stop.throwIfAborted();
      return unreadable.has(topic);
    };
    try {
      if (!(await readSpan(reader, span, silentMs, (next) => step(reader, span, next, stop), isOver)))
        behind.push({ topic, partition, end: to });
    } catch (error) {
      if (!(error instanceof UnreadableBatchError) || !onUnreadable(topic, error)) throw error;
      unreadable.add(topic);
    }
  };
  const limit = pLimit(PARTITIONS_AT_A_TIME);
  await withAbort(signal, (stop) => {
    const readAll = async (reader: PartitionReader) => {
      const spans = spansIn(await reader.logs(topics), asked);
      const silentMs = performance.now() + SILENCE_MS;
      await all(
        stop,
        spans.map((span) => () => limit(() => read(reader, span, silentMs, stop.signal))),
      );
    };
    return PartitionReader.with(settings.kafka, stop.signal, readAll, serviceRetry);
  });
  return behind.filter(({ topic }) => !unreadable.has(topic));
}

/** Returns the requested offsets that the partitions contain. */
function spansIn(logs: readonly PartitionLog[], asked: AskedSpans): PartitionSpan[] {
  return logs.flatMap(({ topic, partition, start, end }) => {
    const span = asked.has(topic) ? asked.get(topic)?.get(partition) : { from: start, to: end };
    if (span === undefined) return [];
    const from = span.from > start ? span.from : start;
    const to = span.to < end ? span.to : end;
    return from < to ? [{ topic, partition, from, to }] : [];
  });
}

/**
 * Reads a span. Returns false if compaction has removed its last messages, or an open transaction
 * hides them.
 * @param silentMs the time after which an open transaction is no longer awaited.
 */
async function readSpan(
  reader: PartitionReader,
  span: PartitionSpan,
  silentMs: number,
  step: (next: bigint) => Promise<Progress>,
  isOver: () => boolean,
): Promise<boolean> {
  const { topic, partition, from, to } = span;
  for (let next = from; next < to;) {
    if (isOver()) return true;
    const askedMs = performance.now();
    const progress = await step(next).catch(async (error: unknown) => {
      if (!isOffsetOutOfRange(error)) throw error;
      // Retention has removed messages, or the topic was recreated.
      const log = (await reader.logs([topic])).find((one) => one.partition === partition);
      return { next: log?.start ?? next, stableEnd: to };
    });
    if (progress.next > next) {
      next = progress.next;
      continue;
    }
    // Compaction has removed the rest, or a transaction of another program is open. It may have
    // ended since the fetch, because a step waits for the handlers of other partitions.
    const isSilent = askedMs > silentMs;
    if (isSilent)
      logger.warn({ topic, partition, next, end: to }, 'an open transaction hides the last messages');
    if (isSilent || progress.stableEnd >= to) return false;
  }
  return true;
}

/**
 * Runs `works` in parallel. After the first failure, stops the rest, waits until all have ended,
 * and throws that failure.
 */
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
