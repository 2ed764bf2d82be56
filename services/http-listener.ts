import { once } from 'node:events';
import type { Server } from 'node:http';
import { LocalServiceError, messageOf } from '../core/errors.ts';
import { logger } from '../core/logger.ts';

const drainMs = 8_000;

/**
 * Listens until the signal aborts, then gives running requests up to 8 s to finish.
 * @throws LocalServiceError
 */
export async function listenUntil(server: Server, url: URL, signal: AbortSignal): Promise<void> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  server.listen({ host, port: url.port === '' ? 80 : Number(url.port) });
  try {
    await once(server, 'listening', { signal });
  } catch (error) {
    throw new LocalServiceError(`cannot listen on ${url.href}: ${messageOf(error)}`, { cause: error });
  }
  logger.info({ url: url.href }, 'listening');
  if (!signal.aborted) await once(signal, 'abort');
  // An idle connection would stay open for another request, which would never be accepted.
  const closeIdle = setInterval(() => server.closeIdleConnections(), 50);
  const cutOff = setTimeout(() => server.closeAllConnections(), drainMs);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  clearInterval(closeIdle);
  clearTimeout(cutOff);
}
