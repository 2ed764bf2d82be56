import { randomUUID } from 'node:crypto';
import type { KafkaMessage } from 'kafkajs';
import { messageTimeMs } from '../../core/kafka/message-time.ts';
import type { RowRange } from '../table/insert-rows.ts';
import type { TableColumn } from '../table/table-shape.ts';
import type { DeadLetter } from './dead-letters.ts';
import { detached } from './detached-message.ts';
import { deduplicationToken, type OffsetRange } from './offset-range.ts';
import type { RowBuffer } from '../transcode/row-buffer.ts';
import type { Trail } from './trail.ts';
import { topicIdHalves, writeSystemColumns, type TopicIdHalves } from '../transcode/system-columns.ts';

/** A message whose row stands in a batch, and where that row ends. */
export interface KeptMessage {
  readonly partition: number;
  readonly message: KafkaMessage;
  readonly rowEnd: number;
}

interface BatchRange extends OffsetRange {
  minTimeMs: number;
  maxTimeMs: number;
}

/** Where the rows of some messages stand that follow each other in a batch. */
export function rangesOf(kept: readonly KeptMessage[], topicId: bigint): RowRange[] {
  const ranges = new Map<number, BatchRange>();
  for (const { partition, message } of kept)
    widen(ranges, partition, Number(message.offset), messageTimeMs(message.timestamp));
  return [...ranges.values()].map((range) => ({ topicId, ...range }));
}

/** The same of messages with others between them. */
export function placesOf(kept: readonly KeptMessage[], topicId: bigint): RowRange[] {
  return kept.flatMap((one) => rangesOf([one], topicId));
}

function widen(ranges: Map<number, BatchRange>, partition: number, offset: number, timeMs: number): void {
  const range = ranges.get(partition);
  if (range === undefined) {
    ranges.set(partition, {
      partition,
      first: offset,
      firstTimeMs: timeMs,
      last: offset,
      lastTimeMs: timeMs,
      minTimeMs: timeMs,
      maxTimeMs: timeMs,
    });
    return;
  }
  range.last = offset;
  range.lastTimeMs = timeMs;
  if (timeMs < range.minTimeMs) range.minTimeMs = timeMs;
  else if (timeMs > range.maxTimeMs) range.maxTimeMs = timeMs;
}

/** What a letter takes in memory and on the wire beside the bytes of its message, about. */
const LETTER_BYTES = 500;

/** Rows for one table, from all partitions of its topic, as they came in. */
export class Batch {
  /** Those that the rows are made for. */
  readonly columns: readonly TableColumn[];
  readonly rows: RowBuffer;
  /** By partition, the offset behind the last message that is in the batch, or that leaves no trace, such as the mark of a transaction. */
  readonly consumed = new Map<number, bigint>();
  readonly startedMs = performance.now();
  /** The messages of the rows: only kept when a row may have to be set aside, since they take much memory. */
  readonly kept: KeptMessage[] | undefined;
  /** Of the topic that the messages are of; 0 where it is not known. */
  readonly topicId: bigint;
  readonly #topic: TopicIdHalves;
  readonly #ranges = new Map<number, BatchRange>();
  readonly #id = randomUUID();
  readonly #letters: DeadLetter[] = [];
  readonly #refused = new Set<KeptMessage>();
  #letterBytes = 0;
  #rowCount = 0;
  #timestamp = '';
  #timeMs = 0;

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

  get letters(): readonly DeadLetter[] {
    return this.#letters;
  }

  /** About what the letters take. */
  get letterBytes(): number {
    return this.#letterBytes;
  }

  /** Sets a message aside. */
  setAside(letter: DeadLetter): void {
    const { key, value } = letter.message;
    this.#letters.push({ ...letter, message: detached(letter.message) });
    this.#letterBytes += LETTER_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  }

  /** The row of the message was refused, and it is set aside. */
  refuse(kept: KeptMessage): void {
    this.#refused.add(kept);
  }

  /** By partition, what is left behind in the topic by this batch, once it is inserted. */
  get trails(): ReadonlyMap<number, Trail> {
    const inserted = this.kept?.filter((kept) => !this.#refused.has(kept));
    const ranges = inserted === undefined ? this.ranges : rangesOf(inserted, this.topicId);
    const aside = [...this.#letters, ...this.#refused];
    return new Map(
      [...this.consumed.keys()].map((partition) => {
        const last = ranges.find((range) => range.partition === partition)?.last;
        const letters = aside.filter(
          (of) => of.partition === partition && Number(of.message.offset) > (last ?? -1),
        ).length;
        return [partition, { highest: last === undefined ? undefined : BigInt(last), letters }];
      }),
    );
  }

  get ranges(): readonly RowRange[] {
    return [...this.#ranges.values()].map((range) => ({ topicId: this.topicId, ...range }));
  }

  /**
   * The deduplication token of the insert of this batch, or of a part of it. Its own: the server drops what has a token of before, also where
   * the rows of that one were deleted since.
   */
  token(part = ''): string {
    return `${deduplicationToken(this.topicId, this.#ranges.values(), part)} ${this.#id}`;
  }

  /** Ends the row whose field columns were just written. */
  endRow(partition: number, message: KafkaMessage, schemaId: number, isDeleted: boolean): void {
    const offset = Number(message.offset);
    // Messages that were appended together have the same time.
    if (message.timestamp !== this.#timestamp) {
      this.#timestamp = message.timestamp;
      this.#timeMs = messageTimeMs(message.timestamp);
    }
    const timeMs = this.#timeMs;
    writeSystemColumns(this.rows, partition, offset, timeMs, schemaId, isDeleted, this.#topic);
    this.#rowCount++;
    widen(this.#ranges, partition, offset, timeMs);
    this.kept?.push({ partition, message, rowEnd: this.rows.length });
  }
}
