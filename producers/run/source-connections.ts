import { setMaxListeners } from 'node:events';
import { withConnections, type Connections } from '../../core/connections.ts';
import { AuthenticationError, EtlError, messageOf, StoppedError } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import type { Settings } from '../../core/settings/config.ts';
import { ChartMogulClient } from '../chartmogul/client.ts';

export interface SourceConnections extends Connections<'admin' | 'registry'> {
  readonly client: ChartMogulClient;
  /** Stops all streams, for example after a rejected key. */
  readonly stop: AbortController;
}

/** Connections, and the result of checking ChartMogul's address and the key. */
export interface CheckedSource extends SourceConnections {
  /** The error from checking the address and the key; undefined if the check succeeded. */
  readonly refusal: EtlError | undefined;
}

/**
 * Runs the work with connections to ChartMogul, Kafka and the registry, and always closes them.
 *
 * @throws ConfigError without an API key; the errors of `withConnections`.
 */
export function withSource<T>(
  settings: Settings,
  name: string,
  signal: AbortSignal,
  work: (source: SourceConnections) => Promise<T>,
): Promise<T> {
  return withClient(settings, name, signal, () => work);
}

/** @param begin runs before the services are opened, and returns the work that uses them. */
async function withClient<T>(
  settings: Settings,
  name: string,
  signal: AbortSignal,
  begin: (client: ChartMogulClient, signal: AbortSignal) => (source: SourceConnections) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const running = AbortSignal.any([signal, stop.signal]);
  // Every request in progress listens to the signal.
  setMaxListeners(0, running);
  const client = new ChartMogulClient(settings.chartmogul, running);
  const role = { name, needs: ['admin', 'registry'] } as const;
  try {
    const work = begin(client, running);
    return await withConnections(settings, role, running, (opened) => work({ ...opened, client, stop }));
  } finally {
    // A failed stream may still have requests in progress, which must not be retried.
    stop.abort(new StoppedError('the work has ended'));
    await client.close();
  }
}

/**
 * Like {@link withSource}, but also checks the key and the address while the other services are
 * being opened.
 */
export function withCheckedSource<T>(
  settings: Settings,
  name: string,
  signal: AbortSignal,
  work: (source: CheckedSource) => Promise<T>,
): Promise<T> {
  return withClient(settings, name, signal, (client, running) => {
    const refusing = refusalOf(client, running);
    // The promise may reject before the services are open.
    refusing.catch(() => {});
    return async (source) => work({ ...source, refusal: await refusing });
  });
}

async function refusalOf(client: ChartMogulClient, signal: AbortSignal): Promise<EtlError | undefined> {
  try {
    await client.ping();
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof EtlError)) throw error;
    return error;
  }
}

/** Returns why a stream failed. Stops all streams after a rejected key. */
export function failureOf(
  stream: string,
  error: unknown,
  { signal, stop }: Pick<SourceConnections, 'signal' | 'stop'>,
): Error {
  if (error instanceof AuthenticationError) stop.abort(error);
  if (!signal.aborted) logger.error({ stream, reason: messageOf(error) }, 'stream failed');
  const cause = signal.aborted ? (signal.reason as unknown) : error;
  return cause instanceof Error ? cause : new Error(messageOf(cause));
}
