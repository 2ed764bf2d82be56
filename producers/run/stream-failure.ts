import { AuthenticationError, messageOf } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';

/**
 * Returns why a stream failed. A rejected key stops all streams, which then all fail for that
 * reason.
 *
 * @param signal aborts with `stop`, and when the command is stopped.
 */
export function failureOf(
  stream: string,
  error: unknown,
  { signal, stop }: { readonly signal: AbortSignal; readonly stop: AbortController },
): Error {
  if (error instanceof AuthenticationError) stop.abort(error);
  if (!signal.aborted) logger.error({ stream, reason: messageOf(error) }, 'stream failed');
  const cause = signal.aborted ? (signal.reason as unknown) : error;
  return cause instanceof Error ? cause : new Error(messageOf(cause));
}
