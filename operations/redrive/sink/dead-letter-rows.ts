import {
  askRows,
  clickHouseError,
  literal,
  qualified,
  type ClickHouseClient,
} from '../../../core/clickhouse/client.ts';
import type { SinkDeadLetter } from '../../../core/dead-letters/reader.ts';
import { retry, serviceRetry } from '../../../core/retry.ts';
import type { ClickHouseSettings } from '../../../core/settings/config.ts';

/** Positions in one query. */
const MAX_POSITIONS = 1_000;

/** Whether the server has the table. @throws ServiceUnavailableError, ServiceRefusedError */
export async function hasTable(
  client: ClickHouseClient,
  settings: ClickHouseSettings,
  table: string,
  signal: AbortSignal,
): Promise<boolean> {
  const query = `SELECT 1 FROM system.tables WHERE database = ${literal(settings.database)} AND name = ${literal(table)}`;
  return (await ask(client, settings, table, query, signal)).length > 0;
}

/**
 * Returns the dead letters whose message has a row in the table. A row matches by partition, offset
 * and time, so that messages of a recreated topic are not confused with those of its predecessor.
 * Reads three columns of the whole table for each thousand dead letters.
 *
 * @throws ServiceUnavailableError, ServiceRefusedError
 */
export async function deadLettersWithRows(
  client: ClickHouseClient,
  settings: ClickHouseSettings,
  table: string,
  deadLetters: readonly SinkDeadLetter[],
  signal: AbortSignal,
): Promise<ReadonlySet<SinkDeadLetter>> {
  const found = new Set<string>();
  for (let at = 0; at < deadLetters.length; at += MAX_POSITIONS) {
    const positions = deadLetters
      .slice(at, at + MAX_POSITIONS)
      .map((deadLetter) => `(${positionOf(deadLetter).join(', ')})`);
    const query =
      'SELECT DISTINCT _partition AS p, toString(_offset) AS o, toString(toUnixTimestamp64Milli(_timestamp)) AS t ' +
      `FROM ${qualified(settings.database, table)} ` +
      `WHERE (_partition, _offset, toUnixTimestamp64Milli(_timestamp)) IN (${positions.join(', ')})`;
    const rows = await ask<{ p: number; o: string; t: string }>(client, settings, table, query, signal);
    for (const { p, o, t } of rows) found.add([p, o, t].join());
  }
  return new Set(deadLetters.filter((deadLetter) => found.has(positionOf(deadLetter).join())));
}

function positionOf({ partition, offset, timestampMs }: SinkDeadLetter): readonly number[] {
  return [partition, offset, timestampMs];
}

async function ask<T>(
  client: ClickHouseClient,
  settings: ClickHouseSettings,
  table: string,
  query: string,
  signal: AbortSignal,
): Promise<T[]> {
  return retry({ table }, serviceRetry, signal, async () => {
    try {
      return await askRows<T>(client, query, signal);
    } catch (error) {
      throw clickHouseError(error, settings, `rows of ${table}`);
    }
  });
}
