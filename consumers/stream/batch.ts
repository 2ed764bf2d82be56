import { randomUUID } from 'node:crypto';
import type { KafkaMessage } from 'kafkajs';
import { messageTimeMs } from '../../core/kafka/message-time.ts';
import type { RowRange } from '../table/insert-rows.ts';
import type { TableColumn } from '../table/table-shape.ts';
import type { DeadLetter } from './dead-letters.ts';
import { detached } from './detached-message.ts';
import type { RowBuffer } from '../transcode/row-buffer.ts';
import type { CommittedRows } from './commit-metadata.ts';
import { topicIdHalves, writeSystemColumns, type TopicIdHalves } from '../transcode/system-columns.ts';

export interface KeptMessage {
  readonly partition: number;
  readonly message: KafkaMessage;
  readonly rowEnd: number;
}

/**
 * The messages of one partition that became rows of a batch, with the times of the first and last
 * message and the earliest and latest time.
 */
interface BatchRange extends RowRange {
  readonly firstTimeMs: number;
  lastTimeMs: number;
  last: number;
  minTimeMs: number;
  maxTimeMs: number;
}

/** Returns one range for each partition, from its first to its last message. */
export function rangesOf(kept: readonly KeptMessage[], topicId: bigint): RowRange[] {
  const ranges = new Map<number, BatchRange>();
  for (const { partition, message } of kept)
    widen(ranges, topicId, partition, Number(message.offset), messageTimeMs(message.timestamp));
  return [...ranges.values()];
}

/** Returns a range for each message, for messages that are not consecutive. */
export function placesOf(kept: readonly KeptMessage[], topicId: bigint): RowRange[] {
  return kept.flatMap((one) => rangesOf([one], topicId));
}

function widen(
  ranges: Map<number, BatchRange>,
  topicId: bigint,
  partition: number,
  offset: number,
  timeMs: number,
): void {
  const range = ranges.get(partition);
  if (range === undefined) {
    const times = { firstTimeMs: timeMs, lastTimeMs: timeMs, minTimeMs: timeMs, maxTimeMs: timeMs };
    ranges.set(partition, { topicId, partition, first: offset, last: offset, ...times });
    return;
  }
  range.last = offset;
  range.lastTimeMs = timeMs;
  if (timeMs < range.minTimeMs) range.minTimeMs = timeMs;
  else if (timeMs > range.maxTimeMs) range.maxTimeMs = timeMs;
}

/** Approximate size of a dead letter in bytes, without its key and value. */
const DEAD_LETTER_BYTES = 500;

/** Rows for one table, from all partitions of its topic, in order of arrival. */
export class Batch {
  readonly columns: readonly TableColumn[];
  readonly rows: RowBuffer;
  /** The offset after the last message or transaction marker of each partition. */
  readonly consumed = new Map<number, bigint>();
  readonly startedMs = performance.now();
  readonly deadLetters: DeadLetter[] = [];
  /**
   * The messages of the rows. They use a lot of memory, so they are kept only after the table has
   * refused a batch.
   */
  readonly kept: KeptMessage[] | undefined;
  /** Kafka's id of the topic; 0 if unknown. */
  readonly topicId: bigint;
  readonly #topic: TopicIdHalves;
  readonly #ranges = new Map<number, BatchRange>();
  readonly #id = randomUUID();
  readonly #refused = new Set<KeptMessage>();
  #deadLetterBytes = 0;
  #rowCount = 0;

  constructor(columns: readonly TableColumn[], rows: RowBuffer, topicId: bigint, keepsMessages: boolean) {
    this.columns = columns;
    this.rows = rows;
    this.topicId = topicId;
    this.#topic = topicIdHalves(topicId);
    this.kept = keepsMessages ? [] : undefined;
  }

  get rowCount(): number {
    return this.#rowCount;
  }

  /** Approximate size of the dead letters in bytes. */
  get deadLetterBytes(): number {
    return this.#deadLetterBytes;
  }

  reject(deadLetter: DeadLetter): void {
    const { key, value } = deadLetter.message;
    this.deadLetters.push({ ...deadLetter, message: detached(deadLetter.message) });
    this.#deadLetterBytes += DEAD_LETTER_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  }

  /** Records that the table refused the row, and that its message is a dead letter. */
  refuse(kept: KeptMessage): void {
    this.#refused.add(kept);
  }

  /** The rows and dead letters that the batch adds to each partition, for its commit. */
  get addedRows(): ReadonlyMap<number, CommittedRows> {
    const inserted = this.kept?.filter((kept) => !this.#refused.has(kept));
    const ranges = inserted === undefined ? this.ranges : rangesOf(inserted, this.topicId);
    const rowless = [...this.deadLetters, ...this.#refused];
    return new Map(
      [...this.consumed.keys()].map((partition) => {
        const last = ranges.find((range) => range.partition === partition)?.last;
        const deadLetters = rowless.filter(
          (of) => of.partition === partition && Number(of.message.offset) > (last ?? -1),
        ).length;
        return [partition, { highest: last === undefined ? undefined : BigInt(last), deadLetters }];
      }),
    );
  }

  get ranges(): readonly RowRange[] {
    return [...this.#ranges.values()];
  }

  /** Returns a token unique to this batch: the server also remembers the tokens of deleted rows. */
  token(part = ''): string {
    const topic = this.topicId === 0n ? '' : `${this.topicId.toString(16)}/`;
    const ranges = [...this.#ranges.values()]
      .sort((a, b) => a.partition - b.partition)
      .map(
        ({ partition, first, last, firstTimeMs, lastTimeMs }) =>
          `${partition}:${first}-${last}@${firstTimeMs}-${lastTimeMs}`,
      );
    return `${topic}${ranges.join(',')}${part} ${this.#id}`;
  }

  /** Ends the row whose field columns were just written. */
  endRow(partition: number, message: KafkaMessage, schemaId: number, isDeleted: boolean): void {
    this.endRowAt(partition, Number(message.offset), messageTimeMs(message.timestamp), schemaId, isDeleted);
    this.kept?.push({ partition, message, rowEnd: this.rows.length });
  }

  /** Like {@link endRow}, but only for a batch that does not keep its messages. */
  endRowAt(partition: number, offset: number, timeMs: number, schemaId: number, isDeleted: boolean): void {
    writeSystemColumns(this.rows, partition, offset, timeMs, schemaId, isDeleted, this.#topic);
    this.#rowCount++;
    widen(this.#ranges, this.topicId, partition, offset, timeMs);
  }
}
