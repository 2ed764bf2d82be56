import { AuthenticationError, messageOf } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';

/**
 * Why a stream failed. The others go on, unless the key is refused: that stops them all, and what it stopped failed for that
 * reason and not for its own.
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
