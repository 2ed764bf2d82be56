import type { LimitFunction } from 'p-limit';
import { RowRejectedError, ServiceRefusedError } from '../core/errors.ts';
import type { RetryPolicy } from '../core/retry.ts';
import type { Batch, KeptMessage } from './batch.ts';
import { InsertedRows, type InsertOutcome } from './clickhouse/insert-rows.ts';
import type { StorageTable } from './clickhouse/storage-table.ts';
import type { DeadLetters } from './dead-letters.ts';
import { deduplicationToken } from './offset-range.ts';
import type { SinkCounts } from './sink-counts.ts';
import type { TopicPartitions } from './topic-partitions.ts';

/** When so many rows are refused one after the other, it is the table that refuses, and not the rows. */
const MAX_REFUSED_IN_A_ROW = 100;

/**
 * `changed`: nothing was inserted, since the table is not what the rows were made for. `refused`: nothing was inserted; a batch that
 * keeps its messages would show which rows are to blame.
 */
export type BatchOutcome = 'inserted' | 'changed' | 'refused';

/** Some rows of a batch that stand together. */
interface BatchPart {
  /** In bytes of the batch's rows. */
  readonly from: number;
  readonly to: number;
  readonly rowCount: number;
  /** Tells its token from the others'. */
  readonly name: string;
}

/** A batch whose rows are looked at one by one. */
interface Sifting {
  readonly insert: InsertPart;
  readonly batch: Batch;
  readonly kept: readonly KeptMessage[];
}

type InsertPart = (part: BatchPart) => Promise<InsertOutcome>;

export interface BatchInserterOptions {
  readonly topic: string;
  readonly table: StorageTable;
  readonly letters: Pick<DeadLetters, 'send'>;
  readonly counts: SinkCounts;
  readonly policy: RetryPolicy;
  /** Shared by all tables. */
  readonly limit: LimitFunction;
}

/** Inserts batches into one table: letters first, then rows, so that nothing is acknowledged that is nowhere. */
export class BatchInserter {
  readonly #options: BatchInserterOptions;
  #refusedInARow = 0;

  constructor(options: BatchInserterOptions) {
    this.#options = options;
  }

  /** @throws ServiceRefusedError naming the table. */
  async insert(batch: Batch, partitions: TopicPartitions): Promise<BatchOutcome> {
    const { letters, counts, policy, limit } = this.#options;
    // Before anything is waited for: of partitions that are given away meanwhile nothing may be inserted.
    const { generation } = partitions;
    await letters.send(batch.letters, policy);
    counts.deadLetters += batch.letters.length;
    if (batch.rowCount === 0) return 'inserted';
    if (!(await partitions.verify())) return 'changed';
    return limit(() => this.#insert(batch, generation));
  }

  async #insert(batch: Batch, generation: AbortSignal): Promise<BatchOutcome> {
    const insert: InsertPart = (part) => this.#insertPart(batch, part, generation);
    const outcome = await insert({ from: 0, to: batch.rows.length, rowCount: batch.rowCount, name: '' });
    if (outcome.kind === 'inserted') return 'inserted';
    if (!(await this.#options.table.hasStill(batch.columns))) return 'changed';
    if (batch.kept === undefined) return 'refused';
    const sifted = await this.#sift(
      { insert, batch, kept: batch.kept },
      0,
      batch.kept.length,
      outcome.reason,
    );
    return sifted ? 'inserted' : 'changed';
  }

  /**
   * Inserts what it can of some rows that were refused together, by halves, and sets the rest aside. From left to right, so that at
   * any moment all of a partition is in up to some offset.
   *
   * @returns false when the table has changed meanwhile, so that it is not the rows' fault: the rest is not in.
   */
  async #sift(sifting: Sifting, from: number, to: number, reason: string): Promise<boolean> {
    const { insert, batch, kept } = sifting;
    if (to - from === 1) {
      await this.#setAside(kept[from], reason);
      return true;
    }
    const middle = (from + to) >>> 1;
    for (const [start, end] of [
      [from, middle],
      [middle, to],
    ] as const) {
      const outcome = await insert({
        from: kept[start - 1]?.rowEnd ?? 0,
        to: kept[end - 1]?.rowEnd ?? 0,
        rowCount: end - start,
        name: `#${start}-${end}`,
      });
      if (outcome.kind === 'inserted') continue;
      if (!(await this.#options.table.hasStill(batch.columns))) return false;
      if (!(await this.#sift(sifting, start, end, outcome.reason))) return false;
    }
    return true;
  }

  async #insertPart(
    batch: Batch,
    { from, to, rowCount, name }: BatchPart,
    generation: AbortSignal,
  ): Promise<InsertOutcome> {
    const { table, counts } = this.#options;
    const startMs = performance.now();
    const bytes = batch.rows.bytes.subarray(from, to);
    const token = deduplicationToken(batch.topicId, batch.ranges, name);
    const outcome = await table.insert(new InsertedRows(batch.columns, bytes, token), generation);
    if (outcome.kind === 'inserted') {
      this.#refusedInARow = 0;
      counts.insertSeconds += (performance.now() - startMs) / 1000;
      counts.batches++;
      counts.rows += rowCount;
      counts.bytes += bytes.length;
    }
    return outcome;
  }

  async #setAside(kept: KeptMessage | undefined, reason: string): Promise<void> {
    const { topic, table, letters, counts, policy } = this.#options;
    if (kept === undefined) return;
    const { partition, message } = kept;
    if (++this.#refusedInARow >= MAX_REFUSED_IN_A_ROW) {
      throw new ServiceRefusedError(
        `table ${table.name} refuses every row, ${reason}: look at its constraints and materialized views, then start again`,
      );
    }
    const error = new RowRejectedError(`table ${table.name} refuses the row: ClickHouse answers ${reason}`);
    const schemaId = message.value === null ? undefined : message.value.readUInt32BE(1);
    await letters.send([{ stream: table.stream, topic, partition, message, schemaId, error }], policy);
    counts.deadLetters++;
  }
}
