import { ClickHouseError } from '@clickhouse/client';
import { clickHouseError, type ClickHouseClient } from '../core/clickhouse/client.ts';
import type { Settings } from '../core/settings/config.ts';

const UNKNOWN_TABLE = '60';

/**
 * Returns the rows of the result; an empty list while the table does not exist.
 * @throws ServiceUnavailableError, ServiceRefusedError
 */
export async function selectNumbers(
  client: ClickHouseClient,
  settings: Settings,
  query: string,
  signal: AbortSignal,
): Promise<number[][]> {
  try {
    const result = await client.query({ query, format: 'TabSeparated', abort_signal: signal });
    const lines = (await result.text()).split('\n').filter((line) => line !== '');
    return lines.map((line) => line.split('\t').map(Number));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ClickHouseError && error.code === UNKNOWN_TABLE) return [];
    throw clickHouseError(error, settings.clickhouse);
  }
}
