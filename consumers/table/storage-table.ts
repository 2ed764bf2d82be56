import { isDeepStrictEqual } from 'node:util';
import { ClickHouseError } from '@clickhouse/client';
import type { Database } from '../../core/clickhouse/database.ts';
import { ServiceRefusedError, StoppedError, ViewFailedError } from '../../core/errors.ts';
import { singleAttempt } from '../../core/retry.ts';
import { historyTableOf, storageTableOf } from '../../core/stream-name.ts';
import { logger } from '../../core/logger.ts';
import { declaredFields } from '../schema/declared-fields.ts';
import type { WriterSchema } from '../schema/writer-type.ts';
import { mentionsDeletes } from './constraint.ts';
import { failedViews, insertRows, type InsertedRows, type InsertOutcome } from './insert-rows.ts';
import { evenWhenStopping, InsertRecovery, viewsOn } from './insert-recovery.ts';
import type { TableRows } from './partition-rows.ts';
import { HistoryTable } from './history-table.ts';
import { isByPosition } from './key-sql.ts';
import { keyed, noColumns, raiseVersion, readLocalShape, reshapeTable } from './reshape-table.ts';
import { StreamViews, type StreamViewsOptions } from '../view/stream-views.ts';
import { hasBlocks, readLastBlock, readSettledRows } from './table-checkpoint.ts';
import { localTableOf } from './table-ddl.ts';
import { readTableIdentity, withoutSystemColumns, type TableColumn, type TableShape } from './table-shape.ts';

/** Pause before the next read of a table that another sink is changing. */
const STANDARD_ROUND_MS = 100;

/** Time limit for reading the last block. A stop does not shorten it. */
const BLOCK_MS = 2_000;

/** The outcome of an insert that is complete or has left nothing behind. */
export type RowsOutcome = Exclude<InsertOutcome, { readonly kind: 'half-inserted' }>;

interface StorageTableOptions extends StreamViewsOptions {
  /** Another table, without views. The storage table of the stream by default. */
  readonly table?: string | undefined;
  readonly onChange?: () => void;
  /** Pause between attempts while another sink is changing the table. */
  readonly roundMs?: number;
}

/** The storage table of one stream, with the views over it. */
export class StorageTable {
  readonly stream: string;
  readonly name: string;
  readonly #options: StorageTableOptions;
  readonly #database: Database;
  #columns: readonly TableColumn[] = [];
  readonly #fields = new Set<string>();
  readonly #views: StreamViews;
  /** The history of the stream; undefined if none is kept. */
  #history: HistoryTable | undefined;
  #isHistoryReported = false;
  /** Identity of the table that offsets were last read from; empty if there was none. */
  #identity = '';

  constructor(options: StorageTableOptions) {
    this.#options = options;
    this.#database = options.database;
    this.stream = options.stream;
    this.name = options.table ?? storageTableOf(options.stream);
    this.#views = new StreamViews(options);
  }

  /** The columns of covered fields as the server has them: the same array until they change. */
  get columns(): readonly TableColumn[] {
    return this.#columns;
  }

  /** The unique identity of the table that {@link partitionRows} found; empty if there was none. */
  get identity(): string {
    return this.#identity;
  }

  /** Forgets the shape of the table, which another process may have changed or dropped. */
  forget(): void {
    this.#fields.clear();
    this.#columns = [];
    this.#views.forget();
    this.#history?.forget();
  }

  /**
   * Creates or widens the table until it can hold every value of the schema: see
   * `evolutionActions`.
   * @returns the schema; its primary key is the sorting key if it declares none.
   * @throws IncompatibleSchemaError, ServiceRefusedError
   */
  async cover(
    schema: WriterSchema,
    isOlder = false,
    declared = declaredFields([schema]),
  ): Promise<WriterSchema> {
    const { roundMs = STANDARD_ROUND_MS } = this.#options;
    const onChange = () => {
      // A view keeps the column types that it was created with.
      this.#views.forget();
      this.#options.onChange?.();
    };
    const target = { database: this.#database, stream: this.stream, table: this.name, onChange, roundMs };
    for (const [path, { name }] of declared) if (path === name) this.#fields.add(name);
    const reshaped = await reshapeTable(target, { schema, isOlder, declared });
    const shape = (await this.#keepsHistory(reshaped))
      ? await (this.#history ??= new HistoryTable(target)).align(reshaped, this.#fields)
      : reshaped;
    const columns = withoutSystemColumns(shape.columns).filter(({ name }) => this.#fields.has(name));
    if (columns.length === 0) throw noColumns(this.stream, this.name);
    if (!isDeepStrictEqual(columns, this.#columns)) this.#columns = columns;
    if (this.#options.table === undefined) await this.#views.update();
    return keyed(schema, shape);
  }

  /**
   * Inserts rows, all or none, into the table that {@link partitionRows} last found; a table that
   * has replaced it rejects them. The rows contain the {@link columns} as they were when the rows
   * were built.
   * @param generation stops retries. An attempt under way is awaited, since its outcome is unknown.
   * @throws ViewFailedError if a materialized view on the table fails. Before that, deletes the
   *   rows that the insert has left in the table, if possible.
   */
  async insert(rows: InsertedRows, generation: AbortSignal): Promise<RowsOutcome> {
    const database = this.#database;
    const { name: table, identity } = this;
    const recovery = new InsertRecovery({ database, table, identity, rows, generation });
    let attempt: Promise<InsertOutcome> | undefined;
    let deletions = 0;
    try {
      // First, so that the history never lacks a row that the table has, even after a kill.
      const refused = await this.#history?.insert(rows, generation);
      if (refused !== undefined) return { kind: 'refused', reason: refused, isOfTable: true };
      const outcome = await database.retried(`insert into ${table}`, async () => {
        if (generation.aborted) throw new StoppedError(`${table}: its partitions were revoked`);
        attempt = insertRows(rows, database, table, identity, deletions);
        try {
          return await attempt;
        } catch (error) {
          if (await recovery.deleteForRetry(error)) deletions++;
          throw error;
        }
      });
      if (outcome.kind === 'inserted') return outcome;
      const { reason } = outcome;
      const failed = outcome.kind === 'half-inserted' ? outcome.failed : [];
      // ClickHouse finds faults of the table itself before it writes anything.
      if (outcome.kind === 'refused' && (outcome.isOfTable === true || !(await recovery.isHalfInserted()))) {
        if (outcome.isOfTable !== true && isSingle(rows)) await this.#history?.delete(rows.ranges);
        return outcome;
      }
      // The caller builds the rows again for the table that now has the name.
      if (await this.isReplaced()) return { kind: 'refused', reason, isOfTable: true };
      throw new ViewFailedError(await recovery.undo(reason, failed));
    } catch (error) {
      if (error instanceof ViewFailedError) throw error;
      // Without a response from the server, the outcome is unknown: most likely, everything was
      // inserted, including into the views.
      const answer = await attempt?.catch((reason: unknown) => reason);
      if (!(answer instanceof ClickHouseError)) throw error;
      if (deletions === 0 && !(await recovery.isHalfInserted().catch(() => false))) throw error;
      const reason = `code ${answer.code} (${answer.type ?? 'no name'})`;
      throw new ViewFailedError(await recovery.undo(reason, failedViews(answer)), { cause: error });
    }
  }

  async forbidsDeletes(constraint: string): Promise<boolean> {
    const local = localTableOf(this.name, this.#database.settings);
    return evenWhenStopping(this.#database, (database) => mentionsDeletes(database, local, constraint));
  }

  /** Returns the error for a table that refuses every row although its shape has not changed. */
  async rejectionError(reason: string): Promise<ServiceRefusedError> {
    const views = await viewsOn(this.#database, this.name);
    const remedy =
      views.length === 0 ? 'check its definition' : `check its materialized views (${views.join(', ')})`;
    return new ServiceRefusedError(
      `table ${this.name} refuses every row: ClickHouse returned ${reason}; ${remedy}, then restart the sink`,
    );
  }

  /** Returns whether the server still has the same table, with the columns of the rows. */
  async matchesShape(columns: readonly TableColumn[]): Promise<boolean> {
    const shape = await readLocalShape(this.#database, this.name);
    if (shape === undefined || shape.identity !== this.#identity) return false;
    const hasAll = columns.every((column) => shape.columns.some((now) => isDeepStrictEqual(now, column)));
    return hasAll && (await this.#history?.matches(columns)) !== false;
  }

  /** Returns whether the table that {@link partitionRows} found was dropped or replaced. */
  async isReplaced(): Promise<boolean> {
    return (await this.readIdentity()) !== this.#identity;
  }

  /**
   * Raises the version of the table. Must be called after every change to earlier rows, because
   * readers that remember how far they have read would otherwise miss the change.
   */
  async raiseVersion(): Promise<void> {
    await raiseVersion(this.#database, this.name);
  }

  /** Returns the newest rows once earlier inserts have ended; empty if there is no table. */
  async partitionRows(): Promise<TableRows> {
    // The identity is read first: if another table replaces this one now, it rejects rows that are
    // based on this read.
    this.#identity = await this.readIdentity();
    return readSettledRows(this.#database, this.name);
  }

  /**
   * Returns the last inserted block, for {@link hasBlocks}; empty if it cannot be read within
   * BLOCK_MS.
   */
  async lastBlock(): Promise<string> {
    const signal = AbortSignal.timeout(BLOCK_MS);
    const limited = this.#database.with({ signal, policy: singleAttempt });
    return readLastBlock(limited, this.name).catch(() => '');
  }

  /** Returns whether the table still has all blocks. True without the right to read parts. */
  async hasBlocks(blocks: ReadonlySet<string>): Promise<boolean> {
    if (blocks.size === 0) return true;
    try {
      return await hasBlocks(this.#database, this.name, blocks);
    } catch (error) {
      if (error instanceof ServiceRefusedError) return true;
      throw error;
    }
  }

  /**
   * Returns whether every version is kept. Logs once if HISTORY_STREAMS names a stream without a
   * primary key, or does not name a stream that has a history.
   */
  async #keepsHistory({ sortingKey }: TableShape): Promise<boolean> {
    const isNamed = this.#database.settings.historyStreams?.includes(this.stream) === true;
    const isKept = isNamed && !isByPosition(sortingKey);
    if (isKept || this.#isHistoryReported || this.#options.table !== undefined) return isKept;
    this.#isHistoryReported = true;
    const { stream } = this;
    const table = historyTableOf(stream);
    if (isNamed)
      logger.warn(
        { stream },
        'HISTORY_STREAMS names a stream without a primary key: its rows have no versions',
      );
    else if (
      (await readTableIdentity(this.#database, localTableOf(table, this.#database.settings))) !== undefined
    )
      logger.warn(
        { stream, table },
        `HISTORY_STREAMS does not name ${stream}: its history keeps its rows but receives no new ones`,
      );
    return false;
  }

  /** Returns the identity of the table that the server has now; empty if none. */
  async readIdentity(): Promise<string> {
    const local = localTableOf(this.name, this.#database.settings);
    return (await readTableIdentity(this.#database, local)) ?? '';
  }
}

/** Returns whether there is only one row. */
function isSingle({ ranges: [range, ...others] }: InsertedRows): boolean {
  return range !== undefined && range.first === range.last && others.length === 0;
}
