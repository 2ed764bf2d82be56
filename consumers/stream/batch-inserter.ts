import type { LimitFunction } from 'p-limit';
import { RowRejectedError, ServiceRefusedError } from '../../core/errors.ts';
import type { RetryPolicy } from '../../core/retry.ts';
import { rangesOf, type Batch, type KeptMessage } from './batch.ts';
import type { RowRange } from '../table/insert-rows.ts';
import type { RowsOutcome, StorageTable } from '../table/storage-table.ts';
import { inSpan } from '../../core/telemetry/spans.ts';
import type { DeadLetters } from './dead-letters.ts';
import type { SinkCounts } from '../report/sink-counts.ts';
import type { PositionFinder } from './positions.ts';
import type { TopicPartitions } from './topic-partitions.ts';

/** If this many consecutive rows are refused, the fault lies with the table. */
const MAX_REFUSED_IN_A_ROW = 100;

/**
 * `changed`: not all rows were inserted, because the table or the topic has changed since they were
 * built. `refused`: nothing was inserted. Only a batch that keeps its messages can show which rows
 * are at fault.
 */
type BatchOutcome = 'inserted' | 'changed' | 'refused';

interface BatchPart {
  /** Byte offset of the part in the batch's rows. */
  readonly from: number;
  readonly to: number;
  readonly rowCount: number;
  /** Distinguishes the token of this part from those of the other parts. */
  readonly name: string;
  readonly ranges: readonly RowRange[];
}

type Refused = Extract<RowsOutcome, { readonly kind: 'refused' }>;

interface BatchInserterOptions {
  readonly topic: string;
  readonly table: StorageTable;
  readonly positions: Pick<PositionFinder, 'stillHold'>;
  readonly deadLetters: Pick<DeadLetters, 'send'>;
  readonly counts: SinkCounts;
  readonly policy: RetryPolicy;
  /** Shared by all tables. */
  readonly limit: LimitFunction;
}

/** Inserts batches: dead letters first, so that no commit passes a message that is not stored. */
export class BatchInserter {
  readonly #options: BatchInserterOptions;
  #refusedInARow = 0;

  constructor(options: BatchInserterOptions) {
    this.#options = options;
  }

  /**
   * Inserts a batch.
   * @throws ServiceRefusedError or ViewFailedError naming the table; ServiceUnavailableError;
   *   StoppedError.
   */
  async insert(
    batch: Batch,
    { generation, assigned }: Pick<TopicPartitions, 'generation' | 'assigned'>,
  ): Promise<BatchOutcome> {
    const { topic, table } = this.#options;
    const attributes = {
      'chartmogul.stream': table.stream,
      'chartmogul.table': table.name,
      'chartmogul.topic': topic,
      'chartmogul.offsets': offsetsOf(batch),
      'chartmogul.rows': batch.rowCount,
      'chartmogul.bytes': batch.rows.length,
      'chartmogul.dead_letters': batch.deadLetters.length,
    };
    return inSpan('sink batch', attributes, async (span) => {
      const outcome = await this.#insertAll(batch, generation, assigned);
      span.set({ 'chartmogul.outcome': outcome });
      return outcome;
    });
  }

  async #insertAll(
    batch: Batch,
    generation: AbortSignal,
    assigned: TopicPartitions['assigned'],
  ): Promise<BatchOutcome> {
    const { deadLetters, positions, counts, policy, limit } = this.#options;
    await deadLetters.send(batch.deadLetters, policy);
    counts.deadLetters += batch.deadLetters.length;
    if (batch.rowCount === 0) return 'inserted';
    if (!(await positions.stillHold(batch.topicId, assigned))) return 'changed';
    return limit(() => this.#insert(batch, generation));
  }

  async #insert(batch: Batch, generation: AbortSignal): Promise<BatchOutcome> {
    const { rows, rowCount, ranges, kept } = batch;
    const whole = { from: 0, to: rows.length, rowCount, name: '', ranges };
    const outcome = await this.#insertPart(batch, whole, generation);
    if (outcome.kind === 'inserted') return 'inserted';
    const { table } = this.#options;
    if (!(await table.matchesShape(batch.columns))) return 'changed';
    if (kept === undefined) return 'refused';
    if (outcome.isOfTable === true) throw await table.rejectionError(outcome.reason);
    return (await this.#sift(batch, kept, outcome, generation)) ? 'inserted' : 'changed';
  }

  /**
   * Inserts refused rows in halves, and sends the rows that are still refused to the dead-letter
   * topic. Works from left to right, so that a partition never has a gap.
   * @returns false if the table has changed. Then no row is at fault, and the rest is not inserted.
   */
  async #sift(
    batch: Batch,
    kept: readonly KeptMessage[],
    refused: Refused,
    generation: AbortSignal,
    from = 0,
    to = kept.length,
  ): Promise<boolean> {
    const { table } = this.#options;
    if (to - from === 1) {
      await this.#rejectRow(batch, kept[from], refused);
      return true;
    }
    const middle = (from + to) >>> 1;
    for (const [start, end] of [
      [from, middle],
      [middle, to],
    ] as const) {
      const part = {
        from: kept[start - 1]?.rowEnd ?? 0,
        to: kept[end - 1]?.rowEnd ?? 0,
        rowCount: end - start,
        name: `#${start}-${end}`,
        ranges: rangesOf(kept.slice(start, end), batch.topicId),
      };
      const outcome = await this.#insertPart(batch, part, generation);
      if (outcome.kind === 'inserted') continue;
      if (!(await table.matchesShape(batch.columns))) return false;
      if (outcome.isOfTable === true) throw await table.rejectionError(outcome.reason);
      if (!(await this.#sift(batch, kept, outcome, generation, start, end))) return false;
    }
    return true;
  }

  async #insertPart(batch: Batch, part: BatchPart, generation: AbortSignal): Promise<RowsOutcome> {
    const { table, counts } = this.#options;
    const { columns } = batch;
    const { ranges, rowCount } = part;
    const startMs = performance.now();
    const rows = batch.rows.bytes.subarray(part.from, part.to);
    const inserted = { columns, rows, token: batch.token(part.name), ranges, areLast: true };
    const outcome = await inSpan('insert', { 'chartmogul.rows': rowCount }, () =>
      table.insert(inserted, generation),
    );
    if (outcome.kind === 'inserted') {
      this.#refusedInARow = 0;
      counts.insertSeconds += (performance.now() - startMs) / 1000;
      counts.batches++;
      counts.rows += rowCount;
      counts.bytes += rows.length;
    }
    return outcome;
  }

  async #rejectRow(batch: Batch, kept: KeptMessage | undefined, refused: Refused): Promise<void> {
    const { topic, table, deadLetters, counts, policy } = this.#options;
    if (kept === undefined) return;
    const { reason, constraint } = refused;
    const { partition, message } = kept;
    // A dead letter would leave the deleted record visible.
    const isDelete = message.value === null;
    if (isDelete && (constraint === undefined || !(await table.forbidsDeletes(constraint))))
      throw new ServiceRefusedError(
        `table ${table.name} refuses a delete (partition ${partition}, offset ${message.offset}), whose row has only a key and defaults: ClickHouse returned ${reason}. ` +
          'Change the constraints of the table so that they accept deletes (CHECK _deleted OR …), then restart the sink',
      );
    if (++this.#refusedInARow >= MAX_REFUSED_IN_A_ROW)
      throw new ServiceRefusedError(
        `table ${table.name} refuses every row: ClickHouse returned ${reason}; check its constraints and materialized views, then restart the sink`,
      );
    const error = new RowRejectedError(`table ${table.name} refuses the row: ClickHouse returned ${reason}`);
    const schemaId = message.value?.readUInt32BE(1);
    await deadLetters.send([{ stream: table.stream, topic, partition, message, schemaId, error }], policy);
    batch.refuse(kept);
    counts.deadLetters++;
  }
}

/** Returns the first and last offset of each partition, such as `0:12-45 3:7-7`. */
function offsetsOf({ ranges }: Batch): string {
  return ranges.map(({ partition, first, last }) => `${partition}:${first}-${last}`).join(' ');
}
