import { isDeepStrictEqual } from 'node:util';
import { qualified } from '../../core/clickhouse/client.ts';
import type { Database } from '../../core/clickhouse/database.ts';
import { readTableShape } from '../../consumers/table/table-shape.ts';
import { localTableOf } from '../../consumers/table/table-ddl.ts';

/** The highest offset of each partition that a storage table has received. */
interface TableCut {
  /**
   * Changes if the table is replaced, for example by a replay, or if rows change at offsets that
   * the table has already passed, for example by a redrive or repair.
   */
  readonly identity: string;
  readonly partitions: readonly {
    readonly topicId: string;
    readonly partition: number;
    /** The highest offset that has a row. */
    readonly offset: string;
  }[];
}

/** The cuts of several storage tables, by table name. */
export type Cut = Readonly<Record<string, TableCut>>;

/** Returns the current cut of storage tables. */
export async function readCut(database: Database, tables: readonly string[]): Promise<Cut> {
  const cut: Record<string, TableCut> = {};
  for (const table of tables) {
    // The shape is read before the offsets: if a replay replaces the table in between, the cut
    // differs from every later one.
    const shape = await readTableShape(database, localTableOf(table, database.settings));
    const identity = shape === undefined ? '' : `${shape.identity ?? ''}.${shape.version}`;
    const partitions = await database.rows<TableCut['partitions'][number]>(
      `offsets of ${table}`,
      `SELECT toString(_topic_id) AS topicId, _partition AS partition, toString(max(_offset)) AS offset ` +
        `FROM ${qualified(database.name, table)} GROUP BY _topic_id, _partition ORDER BY _topic_id, _partition`,
    );
    cut[table] = { identity, partitions };
  }
  return cut;
}

export function cutOf(cut: Cut, tables: readonly string[]): Cut {
  return Object.fromEntries(
    Object.entries(cut)
      .filter(([table]) => tables.includes(table))
      .map(([table, tableCut]) => [table, tableCut]),
  );
}

export function isSameCut(a: Cut, b: Cut): boolean {
  return isDeepStrictEqual(a, b);
}

/** Returns whether a table can only have gained rows since an earlier cut. */
export function continues(now: TableCut | undefined, earlier: TableCut | undefined): boolean {
  if (now === undefined || earlier === undefined || now.identity !== earlier.identity) return false;
  return earlier.partitions.every(({ topicId, partition, offset }) =>
    now.partitions.some(
      (other) =>
        other.topicId === topicId && other.partition === partition && BigInt(other.offset) >= BigInt(offset),
    ),
  );
}

/** Returns the SQL condition that selects the rows of messages after a cut. */
export function afterCutSql({ partitions }: TableCut): string {
  const upTo = partitions.map(
    ({ topicId, partition, offset }) =>
      `(_topic_id = ${BigInt(topicId)} AND _partition = ${partition} AND _offset <= ${BigInt(offset)})`,
  );
  return upTo.length === 0 ? '1' : `NOT (${upTo.join(' OR ')})`;
}
