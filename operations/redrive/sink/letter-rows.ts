import {
  askRows,
  clickHouseError,
  literal,
  qualified,
  type ClickHouseClient,
} from '../../../core/clickhouse/client.ts';
import type { ClickHouseSettings } from '../../../core/settings/config.ts';
import type { SinkLetter } from '../../../core/dead-letters/parse-letter.ts';
import { retry, serviceRetry } from '../../../core/retry.ts';

/** Letters asked for in one query. */
const MAX_PLACES = 1_000;

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
 * Those of the letters whose message has a row in the table: of the same partition, offset and time, so that a topic that was deleted
 * and made again is told from its former self. Reads three columns of the whole table for each thousand letters.
 *
 * @throws ServiceUnavailableError, ServiceRefusedError
 */
export async function lettersWithRows(
  client: ClickHouseClient,
  settings: ClickHouseSettings,
  table: string,
  letters: readonly SinkLetter[],
  signal: AbortSignal,
): Promise<ReadonlySet<SinkLetter>> {
  const found = new Set<string>();
  for (let at = 0; at < letters.length; at += MAX_PLACES) {
    const places = letters.slice(at, at + MAX_PLACES).map((letter) => `(${numbersOf(letter).join(', ')})`);
    const query =
      'SELECT DISTINCT _partition AS p, toString(_offset) AS o, toString(toUnixTimestamp64Milli(_timestamp)) AS t ' +
      `FROM ${qualified(settings.database, table)} ` +
      `WHERE (_partition, _offset, toUnixTimestamp64Milli(_timestamp)) IN (${places.join(', ')})`;
    const rows = await ask<{ p: number; o: string; t: string }>(client, settings, table, query, signal);
    for (const { p, o, t } of rows) found.add([p, o, t].join());
  }
  return new Set(letters.filter((letter) => found.has(numbersOf(letter).join())));
}

function numbersOf({ partition, offset, timestampMs }: SinkLetter): readonly number[] {
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
