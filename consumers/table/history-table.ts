import { isDeepStrictEqual } from 'node:util';
import { literal, qualified, quoted } from '../../core/clickhouse/client.ts';
import type { Database } from '../../core/clickhouse/database.ts';
import { IncompatibleSchemaError, StoppedError } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import { historyTableOf, storageTableOf } from '../../core/stream-name.ts';
import { deleteInserted } from './half-inserted.ts';
import { evenWhenStopping } from './insert-recovery.ts';
import { followActions } from './follow-columns.ts';
import { insertRows, type InsertedRows, type RowRange } from './insert-rows.ts';
import type { PartitionRows } from './partition-rows.ts';
import { readLocalShape, reshape, type ReshapeOptions } from './reshape-table.ts';
import { columnSql, systemColumns, type CommentedColumn } from './stored-columns.ts';
import { readPartitionRows } from './table-checkpoint.ts';
import { definitionSql, localTableOf } from './table-ddl.ts';
import { readTableIdentity, withoutSystemColumns, type TableColumn, type TableShape } from './table-shape.ts';

/** Offsets per copy statement, so that it sorts a bounded number of rows. */
const COPY_OFFSETS = 2_000_000n;

/**
 * The table that keeps every version of a stream's records, deletes included. Each version is
 * inserted here before it is inserted into the storage table, which remains the only checkpoint:
 * after a kill between the two inserts, the sink repeats both. The sorting key contains the
 * version, so the history keeps only one of two equal rows.
 */
export class HistoryTable {
  readonly name: string;
  readonly #storage: ReshapeOptions;
  readonly #database: Database;
  readonly #remedy: string;
  /** Identity of the table that rows are inserted into. */
  #identity = '';
  /** Identity of the storage table that the history was last compared with. */
  #filledFrom: string | undefined;

  /** @param storage the table that the rows are for: the storage table, or one that replaces it. */
  constructor(storage: ReshapeOptions) {
    this.#storage = storage;
    this.#database = storage.database;
    this.name = historyTableOf(storage.stream);
    this.#remedy = `rename table ${this.name}, so that the sink creates another, or remove ${storage.stream} from HISTORY_STREAMS`;
  }

  /**
   * Gives both tables the same types in these columns, so that the bytes of a batch fit both, and
   * fills the history. @returns the shape of the storage table. @throws IncompatibleSchemaError
   */
  async align(shape: TableShape, fields: ReadonlySet<string>): Promise<TableShape> {
    const { table, stream } = this.#storage;
    const live = storageTableOf(stream);
    if (table !== live) {
      // Rows are copied from the live table, whose types may be wider.
      const found = await readLocalShape(this.#database, live);
      if (found !== undefined && isDeepStrictEqual(found.sortingKey, shape.sortingKey))
        await this.#follow(live, found, ownColumns(found, fields));
    }
    const own = ownColumns(shape, fields);
    const followed = await this.#follow(table, shape, own);
    const wanted = ownColumns(followed, new Set(own.map(({ name }) => name)));
    const aligned = await reshape(this.#storage, {
      create: () => [],
      actions: (now) => followActions(table, now, wanted),
      remedy: this.#remedy,
    });
    const differing = wanted.find((column) => !aligned.columns.some((now) => isDeepStrictEqual(now, column)));
    if (differing !== undefined)
      throw new IncompatibleSchemaError(
        `column ${this.name}.${differing.name} is ${differing.typeText}, but has another type in table ${table}: ${this.#remedy}`,
      );
    await this.#fill();
    return aligned;
  }

  /** Makes the next {@link align} compare the history with the storage table. */
  forget(): void {
    this.#filledFrom = undefined;
  }

  /**
   * Creates or widens the history until it can hold these columns of a storage table.
   * @param source the storage table that has this shape.
   * @returns the shape of the history, whose types may be wider.
   */
  async #follow(
    source: string,
    { sortingKey }: TableShape,
    own: readonly TableColumn[],
  ): Promise<TableShape> {
    const { database, stream } = this.#storage;
    const remedy = this.#remedy;
    const key = [...sortingKey, '_version', '_partition'];
    const comment = `Every version of the records of ${stream}, deletes included`;
    const columns = [...own, ...systemColumns.map((column) => ({ ...column, typeText: column.type.text }))];
    const declared = await this.#declared(source);
    const declaration = ({ name, type }: TableColumn): CommentedColumn => ({
      ...(declared.get(name) ?? { comment: '' }),
      name,
      type,
    });
    const shape = await reshape(
      { ...this.#storage, table: this.name },
      {
        create: (identity) => {
          const definition = {
            table: this.name,
            columns: columns.map(declaration),
            sortingKey: key,
            comment,
          };
          return definitionSql({ ...definition, keeps: 'every' }, identity, database.settings);
        },
        actions: (now) => {
          if (!isDeepStrictEqual(now.sortingKey, key) || now.keepsLatest || now.identity === undefined)
            throw new IncompatibleSchemaError(
              `table ${this.name} is not a history of table ${source}, which is sorted by (${sortingKey.join(', ')}): ${remedy}`,
            );
          try {
            return followActions(this.name, now, columns, (column) => columnSql(declaration(column)));
          } catch (error) {
            if (!(error instanceof IncompatibleSchemaError)) throw error;
            throw new IncompatibleSchemaError(`${error.message}: ${remedy}`);
          }
        },
        remedy,
      },
    );
    if (shape.identity !== this.#identity) this.forget();
    this.#identity = shape.identity ?? '';
    return shape;
  }

  /**
   * Copies the rows of the stream's storage table that the history lacks: all of them if the
   * history is new, else those that arrived while HISTORY_STREAMS did not name the stream. Rows are
   * copied in the order of their offsets, so a later call continues where a killed one stopped.
   */
  async #fill(): Promise<void> {
    const live = storageTableOf(this.#storage.stream);
    const identity = await readTableIdentity(this.#database, localTableOf(live, this.#database.settings));
    if (identity === undefined || identity === this.#filledFrom) return;
    const own = await readPartitionRows(this.#database, this.name);
    for (const rows of await readPartitionRows(this.#database, live)) {
      const { partition, topicId, highest } = rows;
      const there = own.find((other) => other.partition === partition && other.topicId === topicId);
      const from = (there?.highest.offset ?? -1n) + 1n;
      if (from <= highest.offset) await this.#copy(live, rows, from);
    }
    this.#filledFrom = identity;
  }

  /**
   * Inserts rows before they are inserted into the storage table.
   * @returns why the history refuses them; undefined if they were inserted.
   */
  async insert(rows: InsertedRows, generation: AbortSignal): Promise<string | undefined> {
    const { name } = this;
    const outcome = await this.#database.retried(`insert into ${name}`, () => {
      if (generation.aborted) throw new StoppedError(`${name}: its partitions were revoked`);
      return insertRows(rows, this.#database, name, this.#identity);
    });
    return outcome.kind === 'inserted' ? undefined : `${name}: ${outcome.reason}`;
  }

  /** Deletes rows that the storage table has refused. */
  async delete(ranges: readonly RowRange[]): Promise<void> {
    await evenWhenStopping(this.#database, (database) => deleteInserted(database, this.name, ranges));
  }

  /** Returns whether the server still has the same table, with the columns of the rows. */
  async matches(columns: readonly TableColumn[]): Promise<boolean> {
    const shape = await readLocalShape(this.#database, this.name);
    if (shape === undefined || shape.identity !== this.#identity) return false;
    return columns.every((column) => shape.columns.some((now) => isDeepStrictEqual(now, column)));
  }

  /**
   * Copies rows of one partition in offset order, so that a kill leaves those with the lowest
   * offsets.
   */
  async #copy(live: string, { partition, topicId, highest }: PartitionRows, from: bigint): Promise<void> {
    const shapes = await Promise.all([live, this.name].map((table) => readLocalShape(this.#database, table)));
    const [columns = [], own = []] = shapes.map((shape) => shape?.columns ?? []);
    const common = columns.filter(({ name }) => own.some((column) => column.name === name));
    const names = common.map(({ name }) => quoted(name)).join(', ');
    // Tables from earlier releases have no topic ids until a sink widens them.
    const ofTopic = columns.some(({ name }) => name === '_topic_id') ? ` AND _topic_id = ${topicId}` : '';
    for (let start = from; start <= highest.offset; start += COPY_OFFSETS) {
      const last = start + COPY_OFFSETS - 1n;
      await this.#database.command(
        `fill ${this.name}`,
        `INSERT INTO ${qualified(this.#database.name, this.name)} (${names}) ` +
          `SELECT ${names} FROM ${qualified(this.#database.name, live)} WHERE _partition = ${partition}${ofTopic} ` +
          `AND _offset BETWEEN ${start} AND ${last < highest.offset ? last : highest.offset} ORDER BY _offset ` +
          'SETTINGS optimize_on_insert = 0, insert_deduplicate = 0, max_insert_threads = 1',
      );
    }
    logger.info({ table: this.name, partition, from: String(from) }, `copied rows from ${live}`);
  }

  /** Returns the comment and default of each column of a table. */
  async #declared(table: string): Promise<ReadonlyMap<string, Pick<CommentedColumn, 'comment' | 'value'>>> {
    const found = await this.#database.rows<Readonly<Record<'name' | 'comment' | 'value', string>>>(
      `columns of ${table}`,
      `SELECT name, comment, default_expression AS value FROM system.columns WHERE database = ${literal(this.#database.name)} ` +
        `AND table = ${literal(localTableOf(table, this.#database.settings))} AND default_kind IN ('', 'DEFAULT')`,
    );
    return new Map(found.map(({ name, comment, value }) => [name, { comment, value }]));
  }
}

/** Returns the columns of a table that have one of these names, without system columns. */
function ownColumns(shape: TableShape, names: ReadonlySet<string>): readonly TableColumn[] {
  return withoutSystemColumns(shape.columns).filter(({ name }) => names.has(name));
}
