import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { ClickHouseError } from '@clickhouse/client';
import { isSystemColumnName } from '../../core/avro/schema.ts';
import {
  clickHouseError,
  definition,
  isClickHouseCode,
  mayStay,
  qualified,
} from '../../core/clickhouse/client.ts';
import {
  IncompatibleSchemaError,
  messageOf,
  ServiceRefusedError,
  StoppedError,
  ViewFailedError,
} from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import { retry, serviceRetry, steadyRetry, type RetryPolicy } from '../../core/retry.ts';
import { storageTableOf } from '../../core/stream-name.ts';
import { declaredFields, type DeclaredFields } from '../schema/declared-fields.ts';
import type { WriterSchema } from '../schema/writer-type.ts';
import type { TableRows } from './partition-rows.ts';
import { speaksOfDeletes } from './constraint.ts';
import { evolutionActions } from './evolution.ts';
import { readInsertedPart, readViewsOn, takeBack, textOf, type InsertedPart } from './half-inserted.ts';
import { viewIn, type InsertedRows, type InsertOutcome } from './insert-rows.ts';
import { fieldColumns, sortingKey } from './stored-columns.ts';
import { StreamViews, type StreamViewsOptions } from './stream-views.ts';
import { alterTableSql, createTableSql, identitySql, localTableOf } from './table-ddl.ts';
import { hasBlocks, readLastBlock, readPartitionRows, settleInserts } from './table-checkpoint.ts';
import {
  readTableIdentity,
  readTableShape,
  withoutSystemColumns,
  type TableColumn,
  type TableShape,
} from './table-shape.ts';

/** How often a change of shape is tried again after another sink was quicker, or before the server shows it. */
const MAX_ROUNDS = 30;
const STANDARD_ROUND_MS = 100;

/** How often the server may give an answer that may be its last word: for some two minutes. */
const MAX_ANSWERS = 30;

/** How long the sink waits for the last block's name. A stop does not shorten it. */
const BLOCK_MS = 2_000;

/** How long it may take to find out what became of an insert that failed, and to take it back, once the work is stopped. */
const AFTERWARDS_MS = 20_000;

/** An insert of which all is in, or nothing. */
export type RowsOutcome = Exclude<InsertOutcome, { readonly kind: 'half-inserted' }>;

/** Errors of a compare and set that was too late: see `alterTableSql`. */
const ILLEGAL_COLUMN = '44';
const BAD_ARGUMENTS = '36';

/** What was made by hand over a column keeps it as it is. */
const ALTER_OF_COLUMN_IS_FORBIDDEN = '524';
const BAD_TTL_EXPRESSION = '450';

export interface StorageTableOptions extends StreamViewsOptions {
  /** A table of another name, without views: the storage table of the stream unless told otherwise. */
  readonly table?: string;
  /** ClickHouse is asked again by it; for ever, unless told otherwise. */
  readonly policy?: RetryPolicy;
  /** Told when the table was created or altered. */
  readonly onChange?: () => void;
  /** How long another sink's change is waited for; 100 ms unless told otherwise. */
  readonly roundMs?: number;
}

/** The storage table of one stream and the views over it. Every call waits for as long as ClickHouse does not answer. */
export class StorageTable {
  readonly stream: string;
  readonly name: string;
  readonly #options: StorageTableOptions;
  readonly #policy: RetryPolicy;
  #columns: readonly TableColumn[] = [];
  readonly #fields = new Set<string>();
  readonly #views: StreamViews;
  /** Of the table that the offsets were last read from; empty, which no table has, where there was none. */
  #identity = '';

  constructor(options: StorageTableOptions) {
    this.#options = options;
    this.#policy = options.policy ?? steadyRetry;
    this.stream = options.stream;
    this.name = options.table ?? storageTableOf(options.stream);
    this.#views = new StreamViews(options, (doing, work) => this.#attempt(doing, work));
  }

  /**
   * The columns of the fields that were covered, as last read back from the server. The same array until they change. Columns
   * that somebody else added are not among them.
   */
  get columns(): readonly TableColumn[] {
    return this.#columns;
  }

  /** Of the table that {@link partitionRows} last found: no other has had it. Empty where there was none. */
  get identity(): string {
    return this.#identity;
  }

  /** Forgets what the table looks like: somebody else changed or dropped it. */
  forget(): void {
    this.#fields.clear();
    this.#columns = [];
    this.#views.forget();
  }

  /**
   * Creates the table, or widens it, so that it can hold every value of the schema; returns when the server has been seen to
   * have the columns. Any number of sinks may do so at once.
   *
   * @param isOlder the topic has a later schema: see `evolutionActions`.
   * @param declared what the topic's schemas declare: see there too.
   * @returns the schema, with the primary key that the table is sorted by where it names none.
   * @throws IncompatibleSchemaError, ServiceRefusedError
   */
  async cover(
    schema: WriterSchema,
    isOlder = false,
    declared = declaredFields([schema]),
  ): Promise<WriterSchema> {
    const shape = await this.#reshape(schema, isOlder, declared);
    for (const [path, { name }] of declared) if (path === name) this.#fields.add(name);
    const columns = withoutSystemColumns(shape.columns).filter(({ name }) => this.#fields.has(name));
    if (columns.length === 0) throw this.#withoutColumns();
    if (!isDeepStrictEqual(columns, this.#columns)) this.#columns = columns;
    if (this.#options.table === undefined) await this.#views.make(this.#columns);
    return keyed(schema, shape);
  }

  /**
   * Inserts rows of {@link columns} as they were when the rows were made, all of them or none, into the table that
   * {@link partitionRows} last found: one that has taken its place refuses them. When `generation` aborts, it is not tried again; an
   * attempt under way is waited for, since nobody knows what becomes of it.
   *
   * @throws ViewFailedError where a materialized view on the table fails; what the table has of the rows is taken back.
   */
  async insert(rows: InsertedRows, generation: AbortSignal): Promise<RowsOutcome> {
    const { client, settings } = this.#options;
    let attempt: Promise<InsertOutcome> | undefined;
    let takenBack = 0;
    try {
      const outcome = await this.#attempt(`insert into ${this.name}`, async () => {
        if (generation.aborted) throw new StoppedError(`${this.name}: its partitions were given away`);
        attempt = rows.insertInto(client, settings, this.name, this.#identity, takenBack);
        try {
          return await attempt;
        } catch (error) {
          if (await this.#takeBackOfSoleView(rows, error, generation)) takenBack++;
          throw error;
        }
      });
      if (outcome.kind === 'inserted') return outcome;
      const { reason } = outcome;
      const view = outcome.kind === 'half-inserted' ? outcome.view : undefined;
      // What is wrong with the table itself is found before anything is written.
      if (outcome.kind === 'refused' && (outcome.isOfTable === true || !(await this.#isHalf(rows))))
        return outcome;
      // Another table has the name by now: the rows are made again for it.
      if (await this.isReplaced()) return { kind: 'refused', reason, isOfTable: true };
      throw new ViewFailedError(await this.#undo(rows, reason, view, generation));
    } catch (error) {
      if (error instanceof ViewFailedError) throw error;
      // Where the server gave no answer nobody knows: most likely all is in, views included.
      const said = await attempt?.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (!(said instanceof ClickHouseError)) throw error;
      if (takenBack === 0 && !(await this.#isHalf(rows).catch(() => false))) throw error;
      const reason = `code ${said.code} (${said.type ?? 'no name'})`;
      throw new ViewFailedError(await this.#undo(rows, reason, viewIn(said), generation), { cause: error });
    }
  }

  /** Whether a refusal comes of a constraint that speaks of deletes, and so means them. @param reason of the refusal, which names it. */
  async forbidsDeletes(reason: string): Promise<boolean> {
    const { client, settings } = this.#options;
    const name = /VIOLATED_CONSTRAINT: (\w+)\)/.exec(reason)?.[1];
    if (name === undefined) return false;
    return this.#afterwards(`constraints of ${this.name}`, (signal) =>
      speaksOfDeletes(client, settings.database, localTableOf(this.name, settings), name, signal),
    );
  }

  /** What a table is to blame for though it is what it was: for a message. */
  async faultOf(reason: string): Promise<ServiceRefusedError> {
    const views = await this.#viewsOn();
    const look =
      views.length === 0 ? 'look at its definition' : `look at its materialized views (${views.join(', ')})`;
    return new ServiceRefusedError(
      `table ${this.name} takes no rows, and no row is to blame: ClickHouse answers ${reason}; ${look}, then start again`,
    );
  }

  /** Whether the table, still the same, has rows of an insert that failed: only where views hang on it can that be. */
  async #isHalf(rows: InsertedRows): Promise<boolean> {
    if (rows.ranges.length === 0 || (await this.#viewsOn()).length === 0) return false;
    if (
      this.#identity !==
      (await this.#afterwards(`columns of ${this.name}`, (signal) => this.#identityNow(signal)))
    )
      return false;
    return (await this.#inserted(rows)).rows > 0;
  }

  #inserted({ ranges }: InsertedRows): Promise<InsertedPart> {
    const { client, settings } = this.#options;
    return this.#afterwards(`rows of ${this.name}`, (signal) =>
      readInsertedPart(client, settings, this.name, ranges, signal),
    );
  }

  /** Takes back what the table has of an insert that a view of it failed in, so that no later sink goes on behind it. What to say of it. */
  async #undo(
    rows: InsertedRows,
    reason: string,
    view: string | undefined,
    generation: AbortSignal,
  ): Promise<string> {
    const { ranges } = rows;
    const failing = view ?? (await this.#viewsOn()).join(' or ');
    const what = `materialized view ${failing} on table ${this.name} fails: ClickHouse answers ${reason}`;
    const where = textOf(ranges);
    const others =
      (await this.#viewsOn()).length > 1 || view?.includes(' behind ') === true
        ? '; what other views fill may have them already, and gets them again'
        : '';
    try {
      await this.#takeBack(rows, generation);
    } catch (error) {
      return `${what}. Rows (${where}) are in the table and not in what the view fills, and could not be taken back: ${messageOf(error)}. Mend or drop the view, and fill in what it lacks${others}`;
    }
    return `${what}. None of its rows (${where}) is in the table: mend or drop the view, then start again${others}`;
  }

  /**
   * Whether it took back what the table has of an insert whose view failed for a reason that may pass: a sink that is killed before it does would
   * leave rows that the view lacks. Not where other views have the block, which get none of it again under the same token.
   */
  async #takeBackOfSoleView(rows: InsertedRows, error: unknown, generation: AbortSignal): Promise<boolean> {
    if (!(error instanceof ClickHouseError)) return false;
    const view = viewIn(error);
    if (view === undefined || view.includes(' behind ') || (await this.#viewsOn()).length !== 1) return false;
    return (await this.#isHalf(rows)) && (await this.#takeBack(rows, generation));
  }

  /** Whether there was anything to take back. @throws StoppedError where another sink is at work. */
  async #takeBack(rows: InsertedRows, generation: AbortSignal): Promise<boolean> {
    const { client, settings } = this.#options;
    const { rows: count, isPassed } = await this.#inserted(rows);
    if (count === 0) return false;
    if (generation.aborted || (isPassed && rows.areLast))
      throw new StoppedError('another sink is at work behind them');
    await this.#afterwards(`take rows back from ${this.name}`, (signal) =>
      takeBack(client, settings, this.name, rows.ranges, signal),
    );
    return true;
  }

  async #viewsOn(): Promise<readonly string[]> {
    const { client, settings } = this.#options;
    return this.#afterwards(`views on ${this.name}`, (signal) =>
      readViewsOn(client, settings, localTableOf(this.name, settings), signal),
    ).catch(() => []);
  }

  /** Asks what is to be known after an insert has failed, also when the work is being stopped: then within bounds of its own. */
  async #afterwards<T>(doing: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { settings, signal } = this.#options;
    try {
      return await this.#attempt(doing, () => work(signal));
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    const last = AbortSignal.timeout(AFTERWARDS_MS);
    return retry({ table: this.name, doing }, serviceRetry, last, async () => {
      try {
        return await work(last);
      } catch (error) {
        throw clickHouseError(error, settings, doing);
      }
    });
  }

  /** Whether the table, and the columns that rows were made for, are those that the server has now. */
  async hasStill(columns: readonly TableColumn[]): Promise<boolean> {
    const shape = await this.#readShape();
    if (shape === undefined || shape.identity !== this.#identity) return false;
    return columns.every((column) => shape.columns.some((now) => isDeepStrictEqual(now, column)));
  }

  /** Whether the server has another table under the name, or none, than {@link partitionRows} last found. */
  async isReplaced(): Promise<boolean> {
    return (await this.readIdentity()) !== this.#identity;
  }

  /**
   * What the table holds of each partition and topic, after the inserts have ended that a sink had begun before, be it dead by now. Empty
   * if there is no table.
   */
  async partitionRows(): Promise<TableRows> {
    const { client, settings, signal } = this.#options;
    // First: what is read afterwards of a table that has taken its place leads to rows that it refuses.
    this.#identity = await this.readIdentity();
    return this.#attempt(`offsets in ${this.name}`, async () => {
      await settleInserts(client, settings.database, this.name, signal);
      return readPartitionRows(client, settings.database, this.name, signal);
    });
  }

  /** The last inserted block, for {@link hasBlocks}; empty if no answer comes in time. */
  async lastBlock(): Promise<string> {
    const { client, settings } = this.#options;
    const soon = AbortSignal.timeout(BLOCK_MS);
    return readLastBlock(client, settings.database, this.name, soon).catch(() => '');
  }

  /**
   * Whether the table still has all of these blocks, which merges keep. False after the table was
   * emptied and filled from a backup. True without the right to look.
   */
  async hasBlocks(blocks: ReadonlySet<string>): Promise<boolean> {
    const { client, settings, signal } = this.#options;
    if (blocks.size === 0) return true;
    try {
      return await this.#attempt(`parts of ${this.name}`, () =>
        hasBlocks(client, settings.database, this.name, blocks, signal),
      );
    } catch (error) {
      if (error instanceof ServiceRefusedError) return true;
      throw error;
    }
  }

  async #reshape(schema: WriterSchema, isOlder: boolean, declared: DeclaredFields): Promise<TableShape> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const { roundMs = STANDARD_ROUND_MS, signal } = this.#options;
      if (round > 0 && roundMs > 0) await delay(roundMs, undefined, { signal });
      const shape = await this.#readShape();
      if (shape === undefined) {
        const { settings } = this.#options;
        if (fieldColumns(schema).length === 0) throw this.#withoutColumns();
        for (const statement of createTableSql(this.name, schema, newIdentity(), settings))
          await this.#command(statement);
        logger.info({ table: this.name }, 'table created');
        this.#options.onChange?.();
        continue;
      }
      const actions = this.#evolution(schema, shape, isOlder, declared);
      if (shape.identity === undefined) actions.push(`ADD COLUMN ${identitySql(newIdentity())}`);
      if (!isOlder) this.#checkTable(schema, shape);
      this.#checkKey(schema, shape);
      if (actions.length === 0) return shape;
      if (await this.#alter(actions, shape)) {
        // A view keeps the types of the day on which it was made.
        this.#views.forget();
        logger.info({ table: this.name, actions: actions.length }, 'table widened');
        this.#options.onChange?.();
      }
    }
    throw new IncompatibleSchemaError(`table ${this.name} does not show the columns that it was given`);
  }

  #evolution(schema: WriterSchema, shape: TableShape, isOlder: boolean, declared: DeclaredFields): string[] {
    try {
      return evolutionActions(this.name, shape, keyed(schema, shape), isOlder, declared);
    } catch (error) {
      if (!(error instanceof IncompatibleSchemaError)) throw error;
      throw new IncompatibleSchemaError(
        `${error.message}: npm run replay -- --streams ${this.stream} makes the table anew, if the whole topic fits; else rename the column`,
      );
    }
  }

  #withoutColumns(): IncompatibleSchemaError {
    return new IncompatibleSchemaError(
      `the schema of stream ${this.stream} has no field that a column could hold, so table ${this.name} would be empty: register a version with such fields`,
    );
  }

  /** What is sorted by a field that its messages do not have would all be versions of one row. */
  #checkKey(schema: WriterSchema, { columns, sortingKey: key }: TableShape): void {
    const lacking = key.find(
      (name) =>
        !isSystemColumnName(name) &&
        columns.some((column) => column.name === name) &&
        !schema.fields.some((field) => field.name === name),
    );
    if (lacking !== undefined)
      throw new IncompatibleSchemaError(
        `table ${this.name} is sorted by ${lacking}, which a schema of the topic does not have: its messages would all be one row. Rename the table, or give the schema the field`,
      );
  }

  /** A table that somebody else made, or that was made for another key. */
  #checkTable(schema: WriterSchema, { keepsLatest, sortingKey: key }: TableShape): void {
    const cure = `npm run replay -- --streams ${this.stream} makes it anew`;
    if (!keepsLatest)
      throw new IncompatibleSchemaError(
        `table ${this.name} is not a ReplacingMergeTree(_version, _deleted), so it would show old versions of rows: ${cure}`,
      );
    const wanted = schema.primaryKey === undefined ? key : sortingKey(schema);
    if (!isDeepStrictEqual(wanted, key))
      throw new IncompatibleSchemaError(
        `table ${this.name} is sorted by (${key.join(', ')}), and the topic's schema has the primary key (${wanted.join(', ')}): ${cure}`,
      );
  }

  /** False if another sink changed the table first. */
  async #alter(actions: readonly string[], { version }: TableShape): Promise<boolean> {
    try {
      for (const statement of alterTableSql(this.name, actions, version, this.#options.settings))
        await this.#command(statement);
      return true;
    } catch (error) {
      if (isClickHouseCode(error, BAD_ARGUMENTS) || isClickHouseCode(error, ILLEGAL_COLUMN)) {
        if ((await this.#readShape())?.version !== version) return false;
      }
      if (
        isClickHouseCode(error, ALTER_OF_COLUMN_IS_FORBIDDEN) ||
        isClickHouseCode(error, BAD_TTL_EXPRESSION)
      )
        throw new IncompatibleSchemaError(
          `table ${this.name} has a partition key or a TTL over a column that a schema of the topic wants changed ` +
            `(${actions.join(', ').slice(0, 300)}): take that column out of it, or npm run replay -- --streams ${this.stream}`,
          { cause: error },
        );
      throw error;
    }
  }

  async #readShape(): Promise<TableShape | undefined> {
    const { client, settings, signal } = this.#options;
    return this.#attempt(`columns of ${this.name}`, () =>
      readTableShape(client, settings.database, localTableOf(this.name, settings), signal),
    );
  }

  /** Of the table that the server has under the name now; empty if none. */
  readIdentity(): Promise<string> {
    return this.#attempt(`columns of ${this.name}`, () => this.#identityNow());
  }

  async #identityNow(signal = this.#options.signal): Promise<string> {
    const { client, settings } = this.#options;
    const local = localTableOf(this.name, settings);
    return (await readTableIdentity(client, settings.database, local, signal)) ?? '';
  }

  async #command(query: string): Promise<void> {
    await this.#attempt(`change ${qualified(this.#options.settings.database, this.name)}`, () =>
      this.#options.client.command({ query, clickhouse_settings: definition }),
    );
  }

  async #attempt<T>(doing: string, work: () => Promise<T>): Promise<T> {
    const { settings, signal } = this.#options;
    let answers = 0;
    return retry({ table: this.name }, this.#policy, signal, async () => {
      try {
        return await work();
      } catch (error) {
        const failure = clickHouseError(error, settings, doing);
        if (!mayStay(failure) || ++answers < MAX_ANSWERS) throw failure;
        throw new ServiceRefusedError(`${failure.message}; so it answers for ${MAX_ANSWERS} attempts`, {
          cause: error,
        });
      }
    });
  }
}

function newIdentity(): string {
  return randomBytes(4).toString('hex');
}

/** A schema that names no primary key means the one that the table was made for, if it has the fields. */
function keyed(schema: WriterSchema, { sortingKey: key }: TableShape): WriterSchema {
  if (schema.primaryKey !== undefined || key.length === 0) return schema;
  const hasAll = key.every((name) => schema.fields.some((field) => field.name === name));
  return hasAll ? { ...schema, primaryKey: key } : schema;
}
