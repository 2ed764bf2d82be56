import { askRows, literal, type ClickHouseClient } from '../../core/clickhouse/client.ts';

/** The progress of a running query. */
export interface QueryProgress {
  readonly rowsRead: number;
  /** 0 if unknown. */
  readonly totalRows: number;
  readonly elapsedMs: number;
}

const INTERVAL_MS = 500;

/**
 * Reports the progress of a running query until `stop`. Reports nothing if the user is not allowed
 * to read it.
 */
export function watchProgress(
  client: ClickHouseClient,
  id: string,
  onProgress: (progress: QueryProgress) => void,
): { stop(): void } {
  const stopped = new AbortController();
  let isAsking = false;
  const ask = async () => {
    if (isAsking) return;
    isAsking = true;
    try {
      const [row] = await askRows<{ rows: string; total: string; ms: number }>(
        client,
        // The local server assigns its own query ids, and shows ours as the log comment.
        `SELECT toString(read_rows) AS rows, toString(total_rows_approx) AS total, elapsed * 1000 AS ms FROM system.processes
         WHERE query_id = ${literal(id)} OR Settings['log_comment'] = ${literal(id)} LIMIT 1`,
        AbortSignal.any([stopped.signal, AbortSignal.timeout(INTERVAL_MS * 4)]),
      );
      if (row !== undefined && !stopped.signal.aborted)
        onProgress({ rowsRead: Number(row.rows), totalRows: Number(row.total), elapsedMs: row.ms });
    } catch {
      // A query must not fail because its progress is unknown.
    } finally {
      isAsking = false;
    }
  };
  const timer = setInterval(() => void ask(), INTERVAL_MS);
  return {
    stop: () => {
      clearInterval(timer);
      stopped.abort();
    },
  };
}
