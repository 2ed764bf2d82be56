import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { isDeepStrictEqual } from 'node:util';
import pLimit from 'p-limit';
import { isSystemColumnName, type StreamSchema } from '../../core/avro/schema.ts';
import { clickHouseError, literal, qualified, quoted, type ClickHouseClient } from '../../core/clickhouse.ts';
import type { ClickHouseSettings } from '../../core/config.ts';
import { IncompatibleSchemaError } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import { retry, serviceRetry } from '../../core/retry.ts';
import { storageTableOf } from '../../core/stream-name.ts';
import type { Column } from './column-type.ts';
import { evolutionActions, storageTableSql, systemColumns } from './evolution.ts';
import { parseColumnType } from './parse-column-type.ts';
import { streamsInViewsOf, viewStatements } from './view.ts';

/** What every insert asks of the server, whose defaults have changed between versions. */
const insertSettings = {
  async_insert: 0,
  insert_deduplicate: 1,
  deduplicate_blocks_in_dependent_materialized_views: 1,
} as const;

/** The storage table of one stream and the views over it. */
export class StorageTable {
  readonly stream: string;
  readonly name: string;
  readonly #client: ClickHouseClient;
  readonly #settings: ClickHouseSettings;
  readonly #signal: AbortSignal;
  /** One change of shape at a time. */
  readonly #evolving = pLimit(1);
  #columns: readonly Column[] = [];
  #covered = new Set<number>();

  constructor(client: ClickHouseClient, settings: ClickHouseSettings, stream: string, signal: AbortSignal) {
    this.stream = stream;
    this.#client = client;
    this.#settings = settings;
    this.#signal = signal;
    this.name = storageTableOf(stream);
  }

  /** The columns of the stream's fields, as last read back from the server. */
  get columns(): readonly Column[] {
    return this.#columns;
  }

  /**
   * Creates the table, or widens it, so that it can hold every value of the schema; returns when the server has been seen to
   * have the columns.
   *
   * @throws IncompatibleSchemaError, ServiceUnavailableError, ServiceRefusedError
   */
  async cover(schemaId: number, schema: StreamSchema): Promise<void> {
    if (this.#covered.has(schemaId)) return;
    await this.#evolving(async () => {
      if (this.#covered.has(schemaId)) return;
      await this.#widen(schema);
      this.#covered.add(schemaId);
    });
  }

  /** Inserts rows in RowBinary: the columns given, then the system columns. A token must never be used for other rows. */
  async insert(columns: readonly Column[], rows: Buffer, token: string): Promise<void> {
    const names = [...columns, ...systemColumns].map(({ name }) => quoted(name)).join(', ');
    const query = `INSERT INTO ${this.#qualifiedName()} (${names}) FORMAT RowBinary`;
    await this.#attempt(`insert into ${this.name}`, async () => {
      const { stream } = await this.#client.exec({
        query,
        values: Readable.from([rows], { objectMode: false, highWaterMark: 1 }),
        clickhouse_settings: { ...insertSettings, insert_deduplication_token: token },
      });
      stream.resume();
      await finished(stream);
    });
  }

  async #widen(schema: StreamSchema): Promise<void> {
    const before = await this.#readColumns();
    if (before.length === 0) {
      await this.#command(`CREATE TABLE IF NOT EXISTS ${this.#qualifiedName()} ${storageTableSql(schema)}`);
      logger.info({ table: this.name }, 'table created');
    }
    const actions = before.length === 0 ? [] : evolutionActions(this.name, before, schema);
    if (actions.length > 0) {
      await this.#command(`ALTER TABLE ${this.#qualifiedName()} ${actions.join(', ')}`);
      logger.info({ table: this.name, actions: actions.length }, 'table widened');
    }
    this.#columns = await this.#readColumns();
    if (evolutionActions(this.name, this.#columns, schema).length > 0) {
      throw new IncompatibleSchemaError(
        `table ${this.name} does not show the columns that it was just given`,
      );
    }
    await this.#makeViews();
  }

  /**
   * Makes the views by the tables as they are, and again where these have changed meanwhile. Whoever changes a table makes its
   * views afterwards: so the last to make a view has seen every change, of this process or another.
   */
  async #makeViews(): Promise<void> {
    let wanted = await this.#viewStatements();
    let made: string[];
    do {
      made = wanted;
      for (const statement of made) await this.#command(statement);
      wanted = await this.#viewStatements();
    } while (!isDeepStrictEqual(made, wanted));
  }

  async #viewStatements(): Promise<string[]> {
    const tables = await this.#readTables(streamsInViewsOf(this.stream));
    return viewStatements(
      this.#settings.database,
      this.stream,
      tables.get(this.stream) ?? this.#columns,
      tables,
    );
  }

  async #readColumns(): Promise<readonly Column[]> {
    return (await this.#readTables([this.stream])).get(this.stream) ?? [];
  }

  /** By stream, the columns of the storage tables that exist; without system columns and those that somebody else added. */
  async #readTables(streams: readonly string[]): Promise<Map<string, Column[]>> {
    const names = streams.map((stream) => literal(storageTableOf(stream)));
    const query =
      `SELECT table, name, type FROM system.columns WHERE database = ${literal(this.#settings.database)} ` +
      `AND table IN (${names.join(', ')}) AND default_kind = '' ORDER BY table, position`;
    const rows = await this.#attempt(`columns of ${this.name}`, async () => {
      const result = await this.#client.query({ query, format: 'JSONEachRow', abort_signal: this.#signal });
      return result.json<{ table: string; name: string; type: string }>();
    });
    const tables = new Map<string, Column[]>();
    for (const stream of streams) {
      const columns = rows.flatMap(({ table, name, type: text }) => {
        const type =
          table !== storageTableOf(stream) || isSystemColumnName(name) ? undefined : parseColumnType(text);
        return type === undefined ? [] : [{ name, type }];
      });
      if (columns.length > 0) tables.set(stream, columns);
    }
    return tables;
  }

  async #command(query: string): Promise<void> {
    await this.#attempt(`table ${this.name}`, () => this.#client.command({ query }));
  }

  #attempt<T>(doing: string, work: () => Promise<T>): Promise<T> {
    return retry({ table: this.name }, serviceRetry, this.#signal, async () => {
      try {
        return await work();
      } catch (error) {
        this.#signal.throwIfAborted();
        throw clickHouseError(error, this.#settings, doing);
      }
    });
  }

  #qualifiedName(): string {
    return qualified(this.#settings.database, this.name);
  }
}
