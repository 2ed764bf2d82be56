import { readPartitionRows } from '../../consumers/table/table-checkpoint.ts';
import { StorageTable } from '../../consumers/table/storage-table.ts';
import type { TableRows } from '../../consumers/table/partition-rows.ts';
import { readView, viewFault } from '../../consumers/view/found-view.ts';
import { readExpectedViews } from '../../consumers/view/view.ts';
import { literal, qualified } from '../../core/clickhouse/client.ts';
import type { Database } from '../../core/clickhouse/database.ts';
import { historyTableOf, isStreamName, storageTableOf } from '../../core/stream-name.ts';
import type { StreamStatus, Warning } from './stream-status.ts';

/** The contents of a storage table, by partition of its topic. */
export interface TableFacts {
  readonly name: string;
  /** Distinguishes the table from others that have had the same name; empty without an identity. */
  readonly identity: string;
  readonly rows: bigint;
  readonly newest: TableRows;
  /** The lowest offset in the table, by partition. */
  readonly first: ReadonlyMap<number, bigint>;
}

/** Queries storage tables. All methods throw ServiceUnavailableError or ServiceRefusedError. */
export class StorageTables {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  streams(): Promise<string[]> {
    return listStorageTables(this.#database);
  }

  async facts(stream: string): Promise<TableFacts> {
    const name = storageTableOf(stream);
    const newest = await readPartitionRows(this.#database, name);
    const sql =
      `SELECT _partition AS partition, toString(count()) AS rows, toString(min(_offset)) AS first ` +
      `FROM ${qualified(this.#database.name, name)} GROUP BY _partition`;
    const counts = await this.#database.rows<{ partition: number; rows: string; first: string }>(name, sql);
    return {
      name,
      identity: await new StorageTable({ database: this.#database, stream }).readIdentity(),
      rows: counts.reduce((sum, { rows }) => sum + BigInt(rows), 0n),
      newest,
      first: new Map(counts.map(({ partition, first }) => [partition, BigInt(first)])),
    };
  }

  /** Returns the history of a stream, if it has one. */
  async history(stream: string): Promise<StreamStatus['history']> {
    const name = historyTableOf(stream);
    const exists = `SELECT 1 FROM system.tables WHERE database = ${literal(this.#database.name)} AND name = ${literal(name)}`;
    if ((await this.#database.rows(name, exists)).length === 0) return undefined;
    const sql = `SELECT toString(count()) AS rows FROM ${qualified(this.#database.name, name)}`;
    const [found] = await this.#database.rows<{ rows: string }>(name, sql);
    return { name, rows: BigInt(found?.rows ?? 0) };
  }

  /** Returns warnings about views of a stream that are missing or differ from those of the sink. */
  async viewWarnings(stream: string): Promise<Warning[]> {
    const warnings: Warning[] = [];
    for (const view of await readExpectedViews(this.#database, stream)) {
      if (view.owner !== stream) continue;
      const found = await readView(this.#database, view.name);
      const message =
        found === undefined ? 'is missing: the next start of the sink creates it' : viewFault(found, view);
      if (message !== undefined) warnings.push({ kind: 'view', about: `view ${view.name}`, message });
    }
    return warnings;
  }

  /** Counts the live rows whose messages are before these offsets. */
  async liveRowsBefore(stream: string, starts: ReadonlyMap<number, bigint>): Promise<bigint> {
    const name = storageTableOf(stream);
    const before = [...starts].map(
      ([partition, start]) => `(_partition = ${partition} AND _offset < ${start})`,
    );
    const sql = `SELECT toString(count()) AS n FROM ${qualified(this.#database.name, name)} FINAL WHERE ${before.join(' OR ')}`;
    const [row] = before.length === 0 ? [] : await this.#database.rows<{ n: string }>(name, sql);
    return BigInt(row?.n ?? 0);
  }
}

/** Returns the view names of streams with a storage table, recognized by name and columns. */
export async function listStorageTables(database: Database): Promise<string[]> {
  const ending = storageTableOf('');
  const sql =
    `SELECT table FROM system.columns WHERE database = ${literal(database.name)} AND endsWith(table, ${literal(ending)}) ` +
    `AND name IN ('_version', '_deleted', '_partition', '_offset') GROUP BY table HAVING count() = 4`;
  const rows = await database.rows<{ table: string }>(`tables of ${database.name}`, sql);
  return rows.map(({ table }) => table.slice(0, -ending.length)).filter(isStreamName);
}
