import { setTimeout as delay } from 'node:timers/promises';
import { askRows, literal, qualified, type ClickHouseClient } from '../../core/clickhouse/client.ts';
import { positionIn, versionLimitSql } from '../../core/kafka/message-time.ts';
import { logger } from '../../core/logger.ts';
import type { TableRows } from './partition-rows.ts';

const SETTLE_ASK_MS = 50;
/** As long as a request for an insert may take. */
const MAX_SETTLE_MS = 120_000;

/** What every insert of a sink into the table is marked with, for `system.processes` and `system.query_log`. */
export function insertComment(database: string, table: string): string {
  return `chartmogul sink ${database}.${table}`;
}

/**
 * Returns when the inserts into the table that are running now have ended. A sink that was killed, or has lost its partitions, may
 * have left one behind: its rows are not there yet, and will be.
 */
export async function settleInserts(
  client: ClickHouseClient,
  database: string,
  table: string,
  signal: AbortSignal,
): Promise<void> {
  const marked = `Settings['log_comment'] = ${literal(insertComment(database, table))}`;
  const running = async () => {
    const query = `SELECT query_id FROM system.processes WHERE ${marked}`;
    const rows = await askRows<{ query_id: string }>(client, query, signal);
    return new Set(rows.map(({ query_id: id }) => id));
  };
  const startMs = performance.now();
  let left = await running();
  while (left.size > 0 && performance.now() - startMs < MAX_SETTLE_MS) {
    await delay(SETTLE_ASK_MS, undefined, { signal });
    const now = await running();
    left = new Set([...left].filter((id) => now.has(id)));
  }
  if (left.size > 0) logger.warn({ table }, 'an insert of another sink does not end: going on without it');
}

/** The newest rows of each partition and topic; empty if there is no table. */
export async function readPartitionRows(
  client: ClickHouseClient,
  database: string,
  table: string,
  signal: AbortSignal,
): Promise<TableRows> {
  const columns = await askRows<{ name: string }>(
    client,
    `SELECT name FROM system.columns WHERE database = ${literal(database)} AND table = ${literal(table)} AND name IN ('_version', '_topic_id')`,
    signal,
  );
  if (!columns.some(({ name }) => name === '_version')) return [];
  // Tables of earlier versions have no ids until a sink has widened them.
  const topicId = columns.some(({ name }) => name === '_topic_id') ? '_topic_id' : 'toUInt64(0)';
  const rows = await askRows<
    Readonly<Record<'version' | 'offset' | 'time' | 'topic', string>> & { partition: number }
  >(
    client,
    `SELECT _partition AS partition, toString(${topicId}) AS topic, toString(maxIf(_version, _version < ${versionLimitSql})) AS version, toString(max(_offset)) AS offset, ` +
      `toString(toUnixTimestamp64Milli(argMax(_timestamp, _offset))) AS time ` +
      `FROM ${qualified(database, table)} GROUP BY partition, topic`,
    signal,
  );
  return rows.map(({ partition, topic, version, offset, time }) => ({
    partition,
    topicId: BigInt(topic),
    newest: positionIn(BigInt(version)),
    highest: { offset: BigInt(offset), timeMs: BigInt(time) },
  }));
}

/**
 * The last block that was inserted into a table, as `<partition id>_<number>`. Merged parts keep
 * the numbers of their blocks in their names. Rows that are attached, restored or inserted from a
 * backup get other numbers. Empty if there is no block, and if the table is spread over shards.
 */
export async function readLastBlock(
  client: ClickHouseClient,
  database: string,
  table: string,
  signal: AbortSignal,
): Promise<string> {
  const [found] = await askRows<{ block: string }>(
    client,
    `SELECT argMax(concat(partition_id, '_', toString(max_block_number)), max_block_number) AS block ${activePartsSql(database, table)}`,
    signal,
  );
  return found?.block ?? '';
}

/** Whether the table has all of these blocks, merged with others or not. */
export async function hasBlocks(
  client: ClickHouseClient,
  database: string,
  table: string,
  blocks: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<boolean> {
  const parts = await askRows<{ id: string; min: string; max: string }>(
    client,
    `SELECT partition_id AS id, toString(min_block_number) AS min, toString(max_block_number) AS max ${activePartsSql(database, table)}`,
    signal,
  );
  return [...blocks].every((block) => {
    const at = block.lastIndexOf('_');
    const number = BigInt(block.slice(at + 1));
    return parts.some(
      ({ id, min, max }) => id === block.slice(0, at) && BigInt(min) <= number && number <= BigInt(max),
    );
  });
}

function activePartsSql(database: string, table: string): string {
  return `FROM system.parts WHERE active AND database = ${literal(database)} AND table = ${literal(table)}`;
}
