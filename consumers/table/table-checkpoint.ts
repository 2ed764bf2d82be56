import { setTimeout as delay } from 'node:timers/promises';
import { literal, qualified } from '../../core/clickhouse/client.ts';
import type { Database } from '../../core/clickhouse/database.ts';
import { positionIn, versionLimitSql } from '../../core/kafka/message-time.ts';
import { logger } from '../../core/logger.ts';
import { singleAttempt } from '../../core/retry.ts';
import type { TableRows } from './partition-rows.ts';

const SETTLE_POLL_MS = 50;
/** Maximum duration of an insert request. */
const MAX_SETTLE_MS = 120_000;

/** Returns the `log_comment` of a sink's inserts, in `system.processes` and `system.query_log`. */
export function insertComment(database: string, table: string): string {
  return `chartmogul sink ${database}.${table}`;
}

/**
 * Waits at most MAX_SETTLE_MS for running inserts, which a sink that was killed or lost its
 * partitions may have left behind.
 */
export async function settleInserts(database: Database, table: string): Promise<void> {
  const marked = `Settings['log_comment'] = ${literal(insertComment(database.name, table))}`;
  const running = async () => {
    const query = `SELECT query_id FROM system.processes WHERE ${marked}`;
    const rows = await database.rows<{ query_id: string }>(`inserts into ${table}`, query);
    return new Set(rows.map(({ query_id: id }) => id));
  };
  const startMs = performance.now();
  let left = await running();
  while (left.size > 0 && performance.now() - startMs < MAX_SETTLE_MS) {
    await delay(SETTLE_POLL_MS, undefined, { signal: database.signal });
    const now = await running();
    left = new Set([...left].filter((id) => now.has(id)));
  }
  if (left.size > 0) logger.warn({ table }, 'an insert by another sink is still running: no longer waiting');
}

/** Returns the newest rows of each partition and topic; empty if there is no table. */
export async function readPartitionRows(database: Database, table: string): Promise<TableRows> {
  const doing = `offsets in ${table}`;
  const columns = await database.rows<{ name: string }>(
    doing,
    `SELECT name FROM system.columns WHERE database = ${literal(database.name)} AND table = ${literal(table)} AND name IN ('_version', '_topic_id')`,
  );
  if (!columns.some(({ name }) => name === '_version')) return [];
  // Tables from earlier releases have no topic ids until a sink widens them.
  const topicId = columns.some(({ name }) => name === '_topic_id') ? '_topic_id' : 'toUInt64(0)';
  const rows = await database.rows<
    Readonly<Record<'version' | 'offset' | 'time' | 'topic', string>> & { partition: number }
  >(
    doing,
    `SELECT _partition AS partition, toString(${topicId}) AS topic, toString(maxIf(_version, _version < ${versionLimitSql})) AS version, toString(max(_offset)) AS offset, ` +
      `toString(toUnixTimestamp64Milli(argMax(_timestamp, _offset))) AS time ` +
      `FROM ${qualified(database.name, table)} GROUP BY partition, topic`,
  );
  return rows.map(({ partition, topic, version, offset, time }) => ({
    partition,
    topicId: BigInt(topic),
    newest: positionIn(BigInt(version)),
    highest: { offset: BigInt(offset), timeMs: BigInt(time) },
  }));
}

/**
 * Waits for running inserts, then reads. A retry repeats both, because new inserts may be running.
 */
export function readSettledRows(database: Database, table: string): Promise<TableRows> {
  const unretried = database.with({ policy: singleAttempt });
  return database.retried(`offsets in ${table}`, async () => {
    await settleInserts(unretried, table);
    return readPartitionRows(unretried, table);
  });
}

/**
 * Returns the last inserted block as `<partition id>_<number>`. Merged parts keep these numbers in
 * their names; rows that are attached, restored or inserted from a backup get new numbers. Empty if
 * there is no block, or if the table is spread over shards.
 */
export async function readLastBlock(database: Database, table: string): Promise<string> {
  const [found] = await database.rows<{ block: string }>(
    `parts of ${table}`,
    `SELECT argMax(concat(partition_id, '_', toString(max_block_number)), max_block_number) AS block ${activePartsSql(database, table)}`,
  );
  return found?.block ?? '';
}

/** Returns whether the table has all of these blocks, merged or not. */
export async function hasBlocks(
  database: Database,
  table: string,
  blocks: ReadonlySet<string>,
): Promise<boolean> {
  const parts = await database.rows<{ id: string; min: string; max: string }>(
    `parts of ${table}`,
    `SELECT partition_id AS id, toString(min_block_number) AS min, toString(max_block_number) AS max ${activePartsSql(database, table)}`,
  );
  return [...blocks].every((block) => {
    const at = block.lastIndexOf('_');
    const number = BigInt(block.slice(at + 1));
    return parts.some(
      ({ id, min, max }) => id === block.slice(0, at) && BigInt(min) <= number && number <= BigInt(max),
    );
  });
}

function activePartsSql(database: Database, table: string): string {
  return `FROM system.parts WHERE active AND database = ${literal(database.name)} AND table = ${literal(table)}`;
}
