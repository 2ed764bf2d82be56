import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { messageOf, TargetFailedError } from '../../../core/errors.ts';
import {
  manifestText,
  mergedManifest,
  parseManifest,
  type ExportedFile,
  type ExportedView,
  type Manifest,
} from '../manifest.ts';
import type { NewFile, Target } from './target.ts';
import { WorkFolder } from './work-folder.ts';

const SCHEMA = 'chartmogul';

/**
 * Memory limits for loading, tried in this order. DuckDB uses all the memory that it is allowed, so
 * the first limit is as small as most tables permit. Hundreds of columns or long strings need more.
 */
const MEMORY_LIMITS = ["'64MB'", "'512MB'", 'DEFAULT'] as const;

/** A DuckDB file with a table per view, loaded from Parquet files in a folder next to it. */
export class DuckDbTarget implements Target {
  readonly form = 'parquet';
  readonly mergesChanges = true;
  readonly #work: WorkFolder;
  readonly #path: string;
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #signal: AbortSignal;
  /**
   * Qualified, because DuckDB names the database after its file, which may also be `chartmogul`.
   */
  #schema = SCHEMA;

  private constructor(
    path: string,
    work: WorkFolder,
    instance: DuckDBInstance,
    connection: DuckDBConnection,
    signal: AbortSignal,
  ) {
    this.#signal = signal;
    this.#path = path;
    this.#work = work;
    this.#instance = instance;
    this.#connection = connection;
  }

  /** Opens the file, which no other process can open until {@link close}. */
  static async open(path: string, signal: AbortSignal): Promise<DuckDbTarget> {
    const work = new WorkFolder(`${path}.unfinished`);
    const { DuckDBInstance } = await loadDuckDb();
    let instance: DuckDBInstance | undefined;
    let connection: DuckDBConnection | undefined;
    try {
      // Claims the folder first, so that a refused export does not create a file.
      await work.claim();
      instance = await DuckDBInstance.create(path, {
        // A second thread needs its own buffers, and may exceed the first limit.
        threads: '1',
        temp_directory: join(work.path, 'temporary'),
        preserve_insertion_order: 'false',
        autoinstall_known_extensions: 'false',
        autoload_known_extensions: 'false',
      });
      connection = await instance.connect();
      const target = new DuckDbTarget(path, work, instance, connection, signal);
      const [[database] = []] = await target.#rows('SELECT current_database()');
      target.#schema = `${quoted(String(database))}.${SCHEMA}`;
      return target;
    } catch (error) {
      connection?.closeSync();
      instance?.closeSync();
      await work.release().catch(() => undefined);
      if (error instanceof TargetFailedError) throw error;
      throw failed(path, error);
    }
  }

  async readManifest(): Promise<Manifest | undefined> {
    const found = await this.#rows(
      `SELECT 1 FROM duckdb_tables() WHERE schema_name = '${SCHEMA}' AND table_name = '_export'`,
    );
    if (found.length === 0) return undefined;
    const [row] = await this.#rows(`SELECT manifest FROM ${this.#schema}._export`);
    return parseManifest(typeof row?.[0] === 'string' ? row[0] : undefined);
  }

  readUnfinished(): Promise<Manifest | undefined> {
    return this.#work.readUnfinished();
  }

  has(file: ExportedFile): Promise<boolean> {
    return this.#work.has(file);
  }

  start(): Promise<void> {
    return this.#work.clear();
  }

  discard(): Promise<void> {
    return this.#work.remove();
  }

  write({ name }: NewFile, bytes: Readable, signal: AbortSignal): Promise<void> {
    return this.#work.write(name, bytes, signal);
  }

  save(manifest: Manifest): Promise<void> {
    return this.#work.save(manifest);
  }

  async publish(manifest: Manifest, earlier: Manifest | undefined): Promise<void> {
    await this.#load(manifest.views, manifestText(mergedManifest(manifest, earlier)));
    await this.#rows('CHECKPOINT');
    await this.#work.remove();
  }

  async close(): Promise<void> {
    this.#connection.closeSync();
    this.#instance.closeSync();
    await this.#work.release();
  }

  async #load(views: readonly ExportedView[], manifest: string): Promise<void> {
    for (const [index, limit] of MEMORY_LIMITS.entries()) {
      await this.#rows(`SET memory_limit = ${limit}`);
      await this.#rows('BEGIN');
      try {
        await this.#rows(`CREATE SCHEMA IF NOT EXISTS ${this.#schema}`);
        for (const sql of views.flatMap((view) => this.#publishedSql(view))) await this.#rows(sql);
        await this.#rows(
          `CREATE OR REPLACE TABLE ${this.#schema}._export AS SELECT ${literal(manifest)} AS manifest`,
        );
        // A checkpoint that runs out of memory makes the file unusable until it is opened again.
        await this.#rows('SET memory_limit = DEFAULT');
        await this.#rows('COMMIT');
        return;
      } catch (error) {
        await this.#connection.run('ROLLBACK').catch(() => undefined);
        if (!isOutOfMemory(error) || index === MEMORY_LIMITS.length - 1) throw error;
      }
    }
  }

  #publishedSql({ name, mode, key, columns, files }: ExportedView): string[] {
    const table = `${this.#schema}.${quoted(name)}`;
    const read = (holds: ExportedFile['holds']) => {
      const file = files.find((one) => one.holds === holds);
      return file && `read_parquet(${literal(join(this.#work.path, file.name))})`;
    };
    const [rows, deletes] = [read('rows'), read('deletes')];
    if (rows === undefined) return [];
    if (mode === 'full')
      return [
        `CREATE OR REPLACE TABLE ${table} AS SELECT * FROM ${rows}`,
        ...columns
          .filter(({ comment }) => comment !== '')
          .map((column) => `COMMENT ON COLUMN ${table}.${quoted(column.name)} IS ${literal(column.comment)}`),
      ];
    const same = (key ?? []).map((part) => `target.${quoted(part)} = source.${quoted(part)}`).join(' AND ');
    const remove = (source: string) =>
      `DELETE FROM ${table} AS target USING ${source} AS source WHERE ${same}`;
    return [
      remove(rows),
      ...(deletes === undefined ? [] : [remove(deletes)]),
      `INSERT INTO ${table} BY NAME SELECT * FROM ${rows}`,
    ];
  }

  async #rows(sql: string): Promise<readonly (readonly unknown[])[]> {
    this.#signal.throwIfAborted();
    const onAbort = () => this.#connection.interrupt();
    this.#signal.addEventListener('abort', onAbort, { once: true });
    try {
      return (await this.#connection.runAndReadAll(sql)).getRowsJS();
    } catch (error) {
      this.#signal.throwIfAborted();
      throw failed(this.#path, error);
    } finally {
      this.#signal.removeEventListener('abort', onAbort);
    }
  }
}

/** Imports DuckDB on demand, because its binaries exist only for common platforms. */
async function loadDuckDb() {
  try {
    return await import('@duckdb/node-api');
  } catch (error) {
    throw new TargetFailedError(
      '--to duckdb: needs the package @duckdb/node-api, which is not installed or has no binary for this platform: use --to parquet:DIR instead',
      { cause: error },
    );
  }
}

function failed(path: string, error: unknown): TargetFailedError {
  const said = messageOf(error);
  const remedy = remedies.find(([pattern]) => pattern.test(said))?.[1];
  return new TargetFailedError(
    `DuckDB cannot use ${path}: ${said}${remedy === undefined ? '' : `; ${remedy}`}`,
    {
      cause: error,
    },
  );
}

const remedies = [
  [/lock on file/i, 'close the program that has the file open'],
  [/No space|full/i, 'free some space, then run the export again; it resumes'],
  [/Out of Memory/, 'export fewer views at a time with --streams, or use a machine with more memory'],
] as const;

function isOutOfMemory(error: unknown): boolean {
  return error instanceof TargetFailedError && /^Out of Memory/.test(messageOf(error.cause));
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
