import { AuthenticationError, messageOf } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';

/**
 * Returns why a stream failed. All streams fail for a rejected key.
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
