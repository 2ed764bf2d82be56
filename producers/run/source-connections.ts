import { withConnections, type Connections } from '../../core/connections.ts';
import { StoppedError } from '../../core/errors.ts';
import type { Settings } from '../../core/settings/config.ts';
import { ChartMogulClient } from '../chartmogul/client.ts';

/** What the streams of a command that reads ChartMogul share. */
export interface SourceConnections extends Connections<'admin' | 'registry'> {
  readonly client: ChartMogulClient;
  /** Stops the work on all streams, such as for a rejected key. */
  readonly stop: AbortController;
}

/**
 * Opens ChartMogul, Kafka and the registry, runs the work, and closes them on every path.
 *
 * @throws ConfigError if there is no API key; what `withConnections` throws.
 */
export async function withSource<T>(
  settings: Settings,
  name: string,
  signal: AbortSignal,
  work: (source: SourceConnections) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const running = AbortSignal.any([signal, stop.signal]);
  const client = new ChartMogulClient(settings.chartmogul, running);
  const role = { name, needs: ['admin', 'registry'] } as const;
  try {
    return await withConnections(settings, role, running, (connections) =>
      work({ ...connections, client, stop }),
    );
  } finally {
    // A stream that failed may still have requests in progress. They must not be retried.
    stop.abort(new StoppedError('the work is over'));
    await client.close();
  }
}
