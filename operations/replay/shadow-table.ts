import { randomBytes } from 'node:crypto';
import { definition, isClickHouseCode, literal, qualified, quoted } from '../../core/clickhouse/client.ts';
import type { Database } from '../../core/clickhouse/database.ts';
import { ReplayRefusedError, ServiceRefusedError } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import { singleAttempt } from '../../core/retry.ts';
import { storageTableOf } from '../../core/stream-name.ts';
import { readPartitionRows, settleInserts } from '../../consumers/table/table-checkpoint.ts';
import { readTableIdentity, readTableShape } from '../../consumers/table/table-shape.ts';
import type { TableRows } from '../../consumers/table/partition-rows.ts';

/** Offsets per copy statement, so that it ends well within the request timeout. */
const COPY_OFFSETS = 2_000_000n;
const TABLE_ALREADY_EXISTS = '57';

/**
 * Rows of the live table to copy: offsets from `from`, inclusive, to `to`, exclusive, within time
 * bounds.
 */
export interface CopiedRange {
  readonly partition: number;
  readonly from: bigint;
  readonly to: bigint;
  /** ms since 1970. */
  readonly sinceMs?: bigint;
  readonly beforeMs?: bigint;
}

/**
 * The table that a replay fills while readers see the live one, and that replaces it in one step.
 * Its name is unique, so leftovers and late requests of a killed replay never affect it.
 */
export class ShadowTable {
  readonly name: string;
  readonly liveName: string;
  readonly #database: Database;
  readonly #stream: string;

  constructor(database: Database, stream: string) {
    this.#database = database;
    this.#stream = stream;
    this.liveName = storageTableOf(stream);
    this.name = `${shadowPrefixOf(stream)}${randomBytes(4).toString('hex')}`;
  }

  /** Drops tables that killed replays left behind: incomplete ones, and old ones after the swap. */
  async dropLeftovers(): Promise<void> {
    // A view of another stream may have such a name.
    const query =
      `SELECT name FROM system.tables WHERE database = ${literal(this.#database.name)} AND NOT endsWith(engine, 'View') ` +
      `AND match(name, ${literal(`^${shadowPrefixOf(this.#stream)}[0-9a-f]{8}$`)})`;
    for (const { name } of await this.#database.rows<{ name: string }>('tables', query)) {
      if (name === this.name) continue;
      await this.drop(this.#database.signal, name);
      logger.info({ table: name }, 'dropped: left behind by a killed replay');
    }
  }

  /** Counts the rows that readers see; undefined without a live table. */
  async countLive(where = ''): Promise<number | undefined> {
    if ((await this.#identityOf(this.liveName)) === undefined) return undefined;
    const query = `SELECT toString(count()) AS count FROM ${this.#qualified(this.liveName)} FINAL${where}`;
    const [row] = await this.#database.rows<{ count: string }>(`rows of ${this.liveName}`, query);
    return Number(row?.count ?? 0);
  }

  /** Counts the visible rows before these offsets and, if given, since a time in ms. */
  async countLiveBefore(starts: ReadonlyMap<number, bigint>, sinceMs?: number): Promise<number> {
    const before = [...starts]
      .filter(([, start]) => start > 0n)
      .map(([partition, start]) => `(_partition = ${partition} AND _offset < ${start})`);
    if (before.length === 0) return 0;
    const since = sinceMs === undefined ? '' : ` AND _timestamp >= ${instant(BigInt(sinceMs))}`;
    return (await this.countLive(` WHERE (${before.join(' OR ')})${since}`)) ?? 0;
  }

  /**
   * Copies rows of the live table, in the columns that both tables have.
   * @throws ReplayRefusedError if the server cannot convert the types.
   */
  async copy(ranges: readonly CopiedRange[]): Promise<void> {
    const [live, own] = await this.#shapes();
    const common = (live?.columns ?? []).filter(({ name }) =>
      own?.columns.some((column) => column.name === name),
    );
    const names = common.map(({ name }) => quoted(name)).join(', ');
    for (const { partition, from, to, sinceMs, beforeMs } of ranges) {
      const since = sinceMs === undefined ? '' : ` AND _timestamp >= ${instant(sinceMs)}`;
      const before = beforeMs === undefined ? '' : ` AND _timestamp < ${instant(beforeMs)}`;
      for (let start = from; start < to; start += COPY_OFFSETS) {
        const end = start + COPY_OFFSETS < to ? start + COPY_OFFSETS : to;
        try {
          await this.#once(
            `INSERT INTO ${this.#qualified(this.name)} (${names}) SELECT ${names} FROM ${this.#qualified(this.liveName)} ` +
              `WHERE _partition = ${partition} AND _offset >= ${start} AND _offset < ${end}${since}${before} ` +
              'SETTINGS optimize_on_insert = 0, insert_deduplicate = 0',
          );
        } catch (error) {
          if (!(error instanceof ServiceRefusedError)) throw error;
          throw new ReplayRefusedError(
            `rows of ${this.liveName} cannot be copied, probably because its columns have different types now: use --from beginning; nothing was changed`,
            { cause: error },
          );
        }
      }
    }
  }

  /** Returns whether this table has all columns of the live one, with the same types. */
  async hasSameTypes(): Promise<boolean> {
    const [live, own] = await this.#shapes();
    if (live === undefined || own === undefined) return false;
    const types = new Map(own.columns.map(({ name, typeText }) => [name, typeText]));
    return live.columns.every(({ name, typeText }) => types.get(name) === typeText);
  }

  /** Returns the contents of the live table or this one, by partition; empty without a table. */
  partitionRows(table: 'live' | 'shadow'): Promise<TableRows> {
    return readPartitionRows(this.#database, table === 'live' ? this.liveName : this.name);
  }

  /**
   * Swaps the names of this table and the live one in one step. Without a live table, renames this
   * one. Requests the swap only once, because a second swap would undo it. The identity of the live
   * table shows the outcome.
   * @throws ServiceUnavailableError, ServiceRefusedError if the swap failed or is unverified.
   */
  async exchange(identity: string): Promise<void> {
    const [live, own] = [this.#qualified(this.liveName), this.#qualified(this.name)];
    try {
      const hasLive = (await this.#identityOf(this.liveName)) !== undefined;
      await this.#once(
        hasLive ? `EXCHANGE TABLES ${own} AND ${live}` : `RENAME TABLE ${own} TO ${live}`,
      ).catch((error: unknown) => {
        // A sink has created the live table in the meantime.
        if (!isClickHouseCode(error, TABLE_ALREADY_EXISTS)) throw error;
        return this.#once(`EXCHANGE TABLES ${own} AND ${live}`);
      });
    } catch (error) {
      if ((await this.#identityOf(this.liveName)) !== identity) throw error;
    }
  }

  async isLive(identity: string): Promise<boolean> {
    return (await this.#identityOf(this.liveName)) === identity;
  }

  /** Waits for inserts that a sink started before the swap and that go to the old table. */
  settle(): Promise<void> {
    return settleInserts(this.#database, this.liveName);
  }

  /**
   * Drops a table; by default, the one with this name, which is the new table before the swap and
   * the old one after it.
   */
  async drop(signal = this.#database.signal, table = this.name): Promise<void> {
    // Allows dropping a table of any size, because another table contains the rows.
    const settings = { max_table_size_to_drop: '0', max_partition_size_to_drop: '0' };
    const query = `DROP TABLE IF EXISTS ${this.#qualified(table)} SYNC`;
    await this.#database.with({ signal }).command(`drop ${table}`, query, settings);
  }

  #shapes() {
    return Promise.all([this.liveName, this.name].map((table) => readTableShape(this.#database, table)));
  }

  /** Returns an empty string for a table without an identity, and undefined without a table. */
  async #identityOf(table: string): Promise<string | undefined> {
    const identity = await readTableIdentity(this.#database, table);
    if (identity !== undefined) return identity;
    return (await readTableShape(this.#database, table)) === undefined ? undefined : '';
  }

  #qualified(table: string): string {
    return qualified(this.#database.name, table);
  }

  /** Runs a statement without retries, because a retry could undo it. */
  #once(query: string): Promise<void> {
    return this.#database.with({ policy: singleAttempt }).command(`table ${this.name}`, query, definition);
  }
}

function instant(ms: bigint): string {
  return `fromUnixTimestamp64Milli(toInt64(${ms}), 'UTC')`;
}

function shadowPrefixOf(stream: string): string {
  return `${storageTableOf(stream)}_shadow_`;
}
