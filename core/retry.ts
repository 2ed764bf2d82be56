import pRetry from 'p-retry';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf, RateLimitedError, RetriableError } from './errors.ts';
import { logger } from './logger.ts';

export interface RetryPolicy {
  readonly attempts: number;
  /**
   * The base of the first wait. The base doubles for each further wait. A wait is its base times a
   * random factor between 1 and 2, at most `maxDelayMs`.
   */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** The time limit of one attempt. `work` must apply it: {@link retry} does not. */
  readonly attemptMs?: number;
  /** There is no retry if the server asks for a longer wait. Undefined means no limit. */
  readonly maxRetryAfterMs?: number;
  readonly onRetry?: (error: RetriableError) => void;
  /** Called when an attempt succeeds after others failed. */
  readonly onRecovery?: () => void;
}

export interface CallOptions {
  readonly signal: AbortSignal;
  readonly policy: RetryPolicy;
}

/** The time limit for the response to a trivial request. */
export const FIRST_ANSWER_MS = 15_000;

/** The policy for reading the source: the waits for a page add up to about two minutes. */
export const sourceRetry: RetryPolicy = { attempts: 10, firstDelayMs: 250, maxDelayMs: 30_000 };

/** The policy for Kafka, the registry and ClickHouse after the first contact. */
export const serviceRetry: RetryPolicy = { attempts: 8, firstDelayMs: 200, maxDelayMs: 10_000 };

/**
 * The policy for Kafka's transaction markers, which usually follow a commit within milliseconds.
 */
export const markerRetry: RetryPolicy = { attempts: Infinity, firstDelayMs: 5, maxDelayMs: 500 };

/** The policy for work that cannot continue otherwise: it retries until the signal aborts. */
export const steadyRetry: RetryPolicy = { attempts: Infinity, firstDelayMs: 200, maxDelayMs: 5_000 };

/** The policy for work that its caller retries, or that is not retried. */
export const singleAttempt: RetryPolicy = { attempts: 1, firstDelayMs: 0, maxDelayMs: 0 };

/** The policy for the first contact with a service, while the user waits. */
export const probeRetry: RetryPolicy = {
  attempts: 2,
  attemptMs: FIRST_ANSWER_MS,
  firstDelayMs: 250,
  maxDelayMs: 500,
  maxRetryAfterMs: 2_000,
};

/**
 * Retries after a {@link RetriableError}, with jittered exponential back-off and at least the wait
 * that the server asks for, up to MAX_RETRY_AFTER_MS. Does not limit the time of an attempt: `work`
 * must.
 * @throws the last error, or the signal's reason.
 */
export async function retry<T>(
  what: Readonly<Record<string, unknown>>,
  policy: RetryPolicy,
  signal: AbortSignal,
  work: (attempt: number) => Promise<T>,
): Promise<T> {
  const attempt = async (number: number) => {
    const result = await work(number);
    if (number > 1) policy.onRecovery?.();
    return result;
  };
  const isRetried = (error: unknown): error is RetriableError =>
    error instanceof RetriableError && (retryAfterMsOf(error) ?? 0) <= (policy.maxRetryAfterMs ?? Infinity);
  return pRetry(attempt, {
    retries: policy.attempts - 1,
    minTimeout: policy.firstDelayMs,
    maxTimeout: policy.maxDelayMs,
    randomize: true,
    signal,
    shouldRetry: ({ error }) => isRetried(error),
    onFailedAttempt: async ({ error, attemptNumber, retriesLeft }) => {
      // p-retry calls shouldRetry only after this.
      if (!isRetried(error) || retriesLeft === 0) return;
      policy.onRetry?.(error);
      logger.debug({ ...what, attempt: attemptNumber, reason: messageOf(error) }, 'retrying');
      const waitMs = retryAfterMsOf(error);
      if (waitMs === undefined) return;
      await delay(Math.min(waitMs, MAX_RETRY_AFTER_MS), undefined, { signal }).catch(() =>
        signal.throwIfAborted(),
      );
    },
  });
}

function retryAfterMsOf(error: unknown): number | undefined {
  return error instanceof RateLimitedError ? error.retryAfterMs : undefined;
}

/** A longer wait that a server asks for is shortened to this. */
export const MAX_RETRY_AFTER_MS = 120_000;
