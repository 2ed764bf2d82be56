import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { literal, qualified, quoted } from '../../core/clickhouse/client.ts';
import { ServiceRefusedError } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import { storageTableOf } from '../../core/stream-name.ts';
import { scalarType } from '../../consumers/column/column-type.ts';
import { columnSql, systemColumns } from '../../consumers/table/stored-columns.ts';
import { insertRows } from '../../consumers/table/insert-rows.ts';
import { identitySql } from '../../consumers/table/table-ddl.ts';
import { withoutSystemColumns, type TableColumn } from '../../consumers/table/table-shape.ts';
import { RowBuffer } from '../../consumers/transcode/row-buffer.ts';
import { topicIdHalves, writeSystemColumns } from '../../consumers/transcode/system-columns.ts';
import type { Connections } from '../../core/connections.ts';

const ROWS_PER_INSERT = 100_000;
const BYTES_PER_INSERT = 16 * 1024 * 1024;
/** An older table from another machine counts as left behind. */
const MAX_AGE_SECONDS = 86_400;
const MARK = 'made to compare by process ';

/** A comparison needs no topic id, because all rows belong to the current topic. */
const unknownTopic = topicIdHalves(0n);

/**
 * 1 if the message is a dead letter, which has no row by design. The column is part of the sorting
 * key, so that a dead letter does not hide another message. The name has no space, because
 * enforce_strict_identifier_format rejects spaces.
 */
const rejectedColumn: TableColumn = {
  name: '_set_aside_by_chartmogul',
  type: scalarType('UInt8'),
  typeText: 'UInt8',
};
export const rejectedSql = quoted(rejectedColumn.name);

/**
 * A temporary table with the row key and position of every message of a topic, without values. Like
 * the storage table, it has the key columns and keeps the last message of each key, so the server
 * can compare the two, and this process does not keep keys in memory.
 */
export class SideTable {
  readonly name: string;
  readonly #services: Connections;
  readonly #identity = randomBytes(4).toString('hex');
  readonly #columns: readonly TableColumn[];
  readonly #rows = new RowBuffer();
  #rowCount = 0;
  #inserts = 0;

  private constructor(services: Connections, stream: string, key: readonly TableColumn[]) {
    this.#services = services;
    this.#columns = [...withoutSystemColumns(key), rejectedColumn];
    this.name = `${prefixOf(stream)}${this.#identity}`;
  }

  /**
   * Creates a table, after dropping the tables that killed processes left behind.
   * @param key sorting key columns of the storage table.
   */
  static async create(
    services: Connections,
    stream: string,
    key: readonly TableColumn[],
  ): Promise<SideTable> {
    await dropLeftovers(services, stream);
    const table = new SideTable(services, stream, key);
    const columns = [...table.#columns, ...systemColumns].map((each) => columnSql({ comment: '', ...each }));
    const sorted = [...key, rejectedColumn].map(({ name }) => quoted(name)).join(', ');
    await services.database.command(
      `create ${table.name}`,
      `CREATE TABLE ${table.qualified} (${[...columns, identitySql(table.#identity)].join(', ')}) ` +
        `ENGINE = ReplacingMergeTree(_version, _deleted) ORDER BY (${sorted}) COMMENT ${literal(`${MARK}${process.pid} of ${hostname()}`)}`,
    );
    return table;
  }

  get qualified(): string {
    return qualified(this.#services.database.name, this.name);
  }

  /** Whether the caller must call {@link insert}. */
  get isFull(): boolean {
    return this.#rowCount >= ROWS_PER_INSERT || this.#rows.length >= BYTES_PER_INSERT;
  }

  /**
   * Buffers a message until {@link insert}.
   * @param key the row's key columns without system columns, in RowBinary.
   */
  add(
    key: Buffer,
    partition: number,
    offset: number,
    timeMs: number,
    { isDeleted, isRejected }: { readonly isDeleted: boolean; readonly isRejected: boolean },
  ): void {
    const rows = this.#rows;
    const bytes = rows.reserve(key.length + 1);
    rows.length += key.copy(bytes, rows.length);
    bytes[rows.length++] = isRejected ? 1 : 0;
    writeSystemColumns(rows, partition, offset, timeMs, 0, isDeleted, unknownTopic);
    this.#rowCount++;
  }

  /** Inserts the buffered messages. @throws ServiceRefusedError */
  async insert(): Promise<void> {
    if (this.#rowCount === 0) return;
    const { database } = this.#services;
    const bytes = this.#rows.bytes.subarray(0, this.#rows.length);
    const rows = { columns: this.#columns, rows: bytes, token: String(this.#inserts++) };
    const outcome = await database.retried(`insert into ${this.name}`, () =>
      insertRows(rows, database, this.name, this.#identity),
    );
    if (outcome.kind === 'refused')
      throw new ServiceRefusedError(`comparison table ${this.name} refuses rows: ${outcome.reason}`);
    this.#rows.length = 0;
    this.#rowCount = 0;
  }

  /** Drops the table, even after the signal has aborted. A failure is only logged. */
  async drop(): Promise<void> {
    const query = `DROP TABLE IF EXISTS ${this.qualified} SYNC`;
    await this.#services.database.client.command({ query }).catch(() => {
      logger.warn(
        { table: this.name },
        'comparison table not dropped: the next reconcile of the stream drops it',
      );
    });
  }
}

function prefixOf(stream: string): string {
  return `${storageTableOf(stream)}_reconcile_`;
}

async function dropLeftovers(services: Connections, stream: string): Promise<void> {
  const database = services.database.name;
  const left = await services.database.allRows<{ name: string; comment: string; age: string }>(
    `tables of ${database}`,
    `SELECT name, comment, toString(dateDiff('second', metadata_modification_time, now())) AS age FROM system.tables ` +
      `WHERE database = ${literal(database)} AND match(name, ${literal(`^${prefixOf(stream)}[0-9a-f]{8}$`)}) ` +
      // A view of another stream or a user's table may have such a name.
      `AND startsWith(comment, ${literal(MARK)})`,
  );
  for (const { name, comment, age } of left) {
    if (isInUse(comment, Number(age))) continue;
    logger.info({ table: name }, 'dropped: left behind by a killed reconcile');
    await services.database.command(`drop ${name}`, `DROP TABLE IF EXISTS ${qualified(database, name)} SYNC`);
  }
}

/** Returns whether a live process uses the table. For another machine, only the age is known. */
function isInUse(comment: string, ageSeconds: number): boolean {
  const [, pid, host] = /by process (\d+) of (.*)$/.exec(comment) ?? [];
  if (host !== hostname()) return ageSeconds < MAX_AGE_SECONDS;
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
