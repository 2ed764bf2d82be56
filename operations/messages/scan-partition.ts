import type { KafkaMessage } from 'kafkajs';
import type { Gap, PartitionReader } from '../../core/kafka/partition-reader.ts';
import type { OffsetSpan } from '../../core/kafka/read-spans.ts';
import { TimeSlice } from '../../core/time-slice.ts';
import type { ScanBudget } from './scan-budget.ts';

/** Maximum size of one fetch from one partition, in bytes. */
const FETCH_BYTES = 4 * 1024 * 1024;

export interface ScanOptions {
  readonly reader: Pick<PartitionReader, 'fetch'>;
  readonly topic: string;
  readonly partition: number;
  readonly budget: ScanBudget;
  /** Limits a fetch when only a few messages are needed. */
  readonly fetchBytes?: number;
}

/**
 * Passes the committed messages of a span to the handler, oldest first, until the handler returns
 * false or the budget is spent.
 * @returns the offset before which all messages were handled, which is the end of the span after a
 *   complete scan.
 * @throws the errors of {@link PartitionReader.fetch}.
 */
export async function scanPartition(
  { reader, topic, partition, budget, fetchBytes = FETCH_BYTES }: ScanOptions,
  { from, to }: OffsetSpan,
  handle: (message: KafkaMessage) => boolean,
): Promise<bigint> {
  const slice = new TimeSlice();
  let at = from;
  while (at < to && !budget.isSpent) {
    const range = await reader.fetch(topic, partition, at, fetchBytes);
    if (range.next === at) return to;
    for (const message of range.messages) {
      if (slice.isOver()) await slice.next();
      const offset = BigInt(message.offset);
      if (offset >= to) return to;
      budget.spend(message);
      if (!handle(message)) return offset + 1n;
    }
    at = range.next < to ? range.next : to;
  }
  return at;
}

/** Returns why an offset has no committed message; undefined if it has one. */
export async function gapAt(
  { reader, topic, partition, fetchBytes = FETCH_BYTES }: Omit<ScanOptions, 'budget'>,
  offset: bigint,
): Promise<Gap | undefined> {
  const range = await reader.fetch(topic, partition, offset, fetchBytes);
  const [first] = range.messages;
  return first?.offset === String(offset) ? undefined : range.gapAt(offset);
}
