import { randomUUID } from 'node:crypto';
import { addAbortSignal, type Readable } from 'node:stream';
import {
  asReader,
  clickHouseError,
  createClickHouse,
  type ClickHouseClient,
} from '../../core/clickhouse/client.ts';
import {
  readOnlyQuery,
  standardLimits,
  type QueryLimits,
  type ReadOnlyAnswer,
  type ReadOnlyQuery,
} from '../../core/clickhouse/read-only-query.ts';
import { ServiceRefusedError } from '../../core/errors.ts';
import type { ClickHouseSettings } from '../../core/settings/config.ts';
import { watchProgress, type QueryProgress } from './progress.ts';
import { readRows, rowsFormat, type ResultRows } from './result-rows.ts';
import { describeTables, tableNames, type TableDescription } from './table-list.ts';
import { unknownTableError } from './unknown-table.ts';
import { readVocabulary, type Vocabulary } from './vocabulary.ts';

export interface QueryOptions {
  readonly signal: AbortSignal;
  /** Lower limits of the user's profile stay in force. */
  readonly limits?: QueryLimits;
  /** Called about twice a second while the query runs, if the server says how far it is. */
  readonly onProgress?: (progress: QueryProgress) => void;
}

export interface QueryStatistics {
  readonly elapsedMs: number;
  /** Undefined if the server does not say. */
  readonly rowsRead: number | undefined;
  readonly bytesRead: number | undefined;
}

export interface StreamedResult extends QueryStatistics {
  readonly stream: Readable;
  readonly format: string;
  /** Undefined if the server does not say. */
  readonly resultRows: number | undefined;
}

export type QueryResult = ResultRows & QueryStatistics;

/** The number of rows that `rows` returns by default, and the maximum bytes of JSON. */
const MAX_ROWS = 1_000;
const MAX_BYTES = 32 * 1024 * 1024;
/** The time in which rows must arrive once the server has the result. */
const ROWS_MS = 60_000;

/**
 * Answers queries that only read the database: see {@link readOnlyQuery}. Every method throws
 * ServiceRefusedError if the query does more than read, exceeds a limit or is refused;
 * ServiceUnavailableError; the signal's reason. Connects as the reader if there is one. The caller
 * closes it.
 */
export class ReadOnlyQueries {
  readonly #settings: ClickHouseSettings;
  readonly #client: ClickHouseClient;

  constructor(settings: ClickHouseSettings) {
    this.#settings = asReader(settings);
    // A user's query sets its own settings.
    this.#client = createClickHouse(this.#settings, {}, { isStreamed: true });
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  /**
   * Returns the first rows of a result as text.
   * @param maxRows further rows are not read, and the result says that it is truncated.
   */
  async rows(sql: string, options: QueryOptions & { readonly maxRows?: number }): Promise<QueryResult> {
    const { maxRows = MAX_ROWS, limits = standardLimits } = options;
    const startMs = performance.now();
    // One more row shows that the result is longer.
    const answer = await this.#run({ ...rowsFormat, sql, maxRows: maxRows + 1 }, options);
    if (answer.format !== undefined && answer.format !== rowsFormat.format) {
      answer.stream.destroy();
      throw new ServiceRefusedError(
        `the query must not have a FORMAT here; got FORMAT ${answer.format}: remove it`,
      );
    }
    // The client of ClickHouse ignores its signal once the answer has begun.
    addAbortSignal(AbortSignal.any([options.signal, AbortSignal.timeout(ROWS_MS)]), answer.stream);
    const limit = { rows: maxRows, bytes: Math.min(MAX_BYTES, limits.bytes) };
    const rows = await readRows(answer.stream, limit).catch((error: unknown) => {
      options.signal.throwIfAborted();
      throw clickHouseError(error, this.#settings);
    });
    return { ...rows, ...statisticsOf(answer, startMs) };
  }

  /** Returns a result in any output format of ClickHouse, unless the SQL has a FORMAT. */
  async stream(sql: string, format: string, options: QueryOptions): Promise<StreamedResult> {
    const startMs = performance.now();
    const answer = await this.#run({ sql, format }, options);
    return {
      stream: answer.stream,
      format: answer.format ?? format,
      resultRows: answer.resultRows,
      ...statisticsOf(answer, startMs),
    };
  }

  /** Returns the views of the database, then its tables, with their columns. */
  tables(signal: AbortSignal): Promise<TableDescription[]> {
    return this.#translated(signal, () => describeTables(this.#client, this.#settings.database, signal));
  }

  /** Returns the functions and keywords of the server, for completion. */
  vocabulary(signal: AbortSignal): Promise<Vocabulary> {
    return this.#translated(signal, () => readVocabulary(this.#client, signal));
  }

  async #run(
    query: Pick<ReadOnlyQuery, 'sql' | 'format' | 'formatSettings' | 'maxRows'>,
    { signal, limits, onProgress }: QueryOptions,
  ): Promise<ReadOnlyAnswer> {
    const id = randomUUID();
    const { database } = this.#settings;
    const watch = onProgress && watchProgress(this.#client, id, onProgress);
    try {
      return await readOnlyQuery(this.#client, this.#settings, {
        ...query,
        ...(limits && { limits }),
        signal,
        id,
      });
    } catch (error) {
      signal.throwIfAborted();
      const listTables = () => this.#translated(signal, () => tableNames(this.#client, database, signal));
      throw (await unknownTableError(error, database, listTables)) ?? error;
    } finally {
      watch?.stop();
    }
  }

  async #translated<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      throw clickHouseError(error, this.#settings);
    }
  }
}

function statisticsOf({ rowsRead, bytesRead }: ReadOnlyAnswer, startMs: number): QueryStatistics {
  return { rowsRead, bytesRead, elapsedMs: performance.now() - startMs };
}
