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
  /** Lower limits of the user's profile still apply. */
  readonly limits?: QueryLimits;
  /** Called about twice a second while the query runs, if the server reports its progress. */
  readonly onProgress?: (progress: QueryProgress) => void;
}

export interface QueryStatistics {
  readonly elapsedMs: number;
  /** Undefined if the server does not report it. */
  readonly rowsRead: number | undefined;
  readonly bytesRead: number | undefined;
}

export interface StreamedResult extends QueryStatistics {
  readonly stream: Readable;
  readonly format: string;
  /** Undefined if the server does not report it. */
  readonly resultRows: number | undefined;
}

export type QueryResult = ResultRows & QueryStatistics;

/** Limits of `rows`: the default number of rows, and the size of their JSON in bytes. */
const MAX_ROWS = 1_000;
const MAX_BYTES = 32 * 1024 * 1024;
/** How long the rows may take to arrive once the server has the result. */
const ROWS_MS = 60_000;

/**
 * Answers queries that only read the database: see {@link readOnlyQuery}. Every method throws
 * ServiceRefusedError if the query does more than read, exceeds a limit or is refused;
 * ServiceUnavailableError; the signal's reason. Connects as the reader if there is one. The caller
 * must call `close`.
 */
export class ReadOnlyQueries {
  readonly #settings: ClickHouseSettings;
  readonly #client: ClickHouseClient;

  constructor(settings: ClickHouseSettings) {
    this.#settings = asReader(settings);
    // There are no default settings, because each query sends its own.
    this.#client = createClickHouse(this.#settings, {}, { isStreamed: true });
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  /**
   * Returns the first rows of a result as text.
   * @param maxRows maximum number of rows. Further rows are not read, and `isTruncated` is set.
   */
  async rows(sql: string, options: QueryOptions & { readonly maxRows?: number }): Promise<QueryResult> {
    const { maxRows = MAX_ROWS, limits = standardLimits } = options;
    const startMs = performance.now();
    // One extra row shows whether the result is longer.
    const answer = await this.#run({ ...rowsFormat, sql, maxRows: maxRows + 1 }, options);
    if (answer.format !== undefined && answer.format !== rowsFormat.format) {
      answer.stream.destroy();
      throw new ServiceRefusedError(
        `the query must not have a FORMAT here; got FORMAT ${answer.format}: remove it`,
      );
    }
    // The ClickHouse client ignores its signal once the answer has begun.
    addAbortSignal(AbortSignal.any([options.signal, AbortSignal.timeout(ROWS_MS)]), answer.stream);
    const limit = { rows: maxRows, bytes: Math.min(MAX_BYTES, limits.bytes) };
    const rows = await readRows(answer.stream, limit).catch((error: unknown) => {
      options.signal.throwIfAborted();
      throw clickHouseError(error, this.#settings);
    });
    return { ...rows, ...statisticsOf(answer, startMs) };
  }

  /**
   * Returns a result in the given output format of ClickHouse, unless the SQL has a FORMAT clause.
   */
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
