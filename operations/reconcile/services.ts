import type { Row } from '@clickhouse/client';
import type { Connections } from '../../core/connections.ts';
import { clickHouseError, longStatement, type ClickHouseClient } from '../../core/clickhouse/client.ts';
import { ServiceRefusedError } from '../../core/errors.ts';
import { retry, serviceRetry } from '../../core/retry.ts';

/** What comparing and repairing a stream makes use of. */
export interface ReconcileServices extends Connections {
  readonly clickhouse: ClickHouseClient;
}

/** Keeps a connection from being taken for dead while the server works on a long query. */
const progressSettings = {
  ...longStatement,
  send_progress_in_http_headers: 1,
  http_headers_progress_interval_ms: '20000',
} as const;

/** The rows of a query that may take long, as they come in. @param doing names it in errors. */
export async function askRowStream<T>(
  services: ReconcileServices,
  doing: string,
  query: string,
): Promise<AsyncIterable<T>> {
  const { clickhouse, signal } = services;
  const answer = await tried(services, doing, () =>
    clickhouse.query({
      query,
      format: 'JSONEachRow',
      abort_signal: signal,
      clickhouse_settings: { ...progressSettings, output_format_json_quote_64bit_integers: 1 },
    }),
  );
  return rowsOf<T>(services, doing, answer.stream());
}

/** All rows of a query that answers few. */
export async function askAllRows<T>(services: ReconcileServices, doing: string, query: string): Promise<T[]> {
  const rows: T[] = [];
  for await (const row of await askRowStream<T>(services, doing, query)) rows.push(row);
  return rows;
}

/** A statement that answers nothing. */
export async function command(services: ReconcileServices, doing: string, query: string): Promise<void> {
  const { clickhouse } = services;
  await tried(services, doing, () => clickhouse.command({ query, clickhouse_settings: progressSettings }));
}

/** Asks ClickHouse again where that may help. */
export async function tried<T>(
  { settings, signal }: ReconcileServices,
  doing: string,
  work: () => Promise<T>,
): Promise<T> {
  return retry({ doing }, serviceRetry, signal, async () => {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) throw error;
      throw clickHouseError(error, settings.clickhouse, doing);
    }
  });
}

/** What some servers send in place of the rest, after they have said that all is well (`http_write_exception_in_output_format`). */
function isException(row: unknown): boolean {
  return typeof row === 'object' && row !== null && Object.keys(row).join() === 'exception';
}

async function* rowsOf<T>(
  { settings }: ReconcileServices,
  doing: string,
  stream: AsyncIterable<readonly Pick<Row, 'json'>[]>,
): AsyncIterable<T> {
  try {
    for await (const rows of stream) {
      for (const row of rows) {
        const value = row.json<T>();
        if (isException(value))
          throw new ServiceRefusedError(`${doing}: ClickHouse gave up in the midst of its answer`);
        yield value;
      }
    }
  } catch (error) {
    throw clickHouseError(error, settings.clickhouse, doing);
  }
}
