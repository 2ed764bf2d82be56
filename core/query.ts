import type { Readable } from 'node:stream';
import { clickHouseError, type ClickHouseClient } from './clickhouse.ts';
import type { ClickHouseSettings } from './config.ts';

/**
 * The answer of a read-only query, as the server formats it. A FORMAT in the SQL goes before `format`.
 *
 * @throws ServiceUnavailableError or ServiceRefusedError with the server's own words.
 */
export async function readOnlyQuery(
  client: ClickHouseClient,
  settings: ClickHouseSettings,
  sql: string,
  format: string,
  signal: AbortSignal,
): Promise<Readable> {
  try {
    const { stream } = await client.exec({
      query: sql,
      abort_signal: signal,
      // 2: nothing can be written or altered, and the query may still bring settings of its own.
      clickhouse_settings: { readonly: '2', default_format: format, database: settings.database } as Record<
        string,
        string
      >,
    });
    return stream;
  } catch (error) {
    throw clickHouseError(error, settings);
  }
}
