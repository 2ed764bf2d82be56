import pRetry from 'p-retry';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf, RateLimitedError, RetriableError } from './errors.ts';
import { logger } from './logger.ts';

export interface RetryPolicy {
  /** How often the work is tried in all. */
  readonly attempts: number;
  /** The first wait; each further one is twice as long, times a random factor between 1 and 2. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** How long one attempt may take, for work that asks its policy. */
  readonly attemptMs?: number;
  /** A server that asks to wait longer than this is not asked again; any wait is accepted if undefined. */
  readonly maxRetryAfterMs?: number;
  /** Told of every failure that is followed by another attempt. */
  readonly onRetry?: (error: RetriableError) => void;
  /** Called when an attempt succeeds after others failed. */
  readonly onRecovery?: () => void;
}

/** How long a service may take to answer a trivial request. */
export const FIRST_ANSWER_MS = 15_000;

/** For reading the source: about three minutes before a page is given up. */
export const sourceRetry: RetryPolicy = { attempts: 10, firstDelayMs: 250, maxDelayMs: 30_000 };

/** For Kafka, the registry and ClickHouse once work is under way. */
export const serviceRetry: RetryPolicy = { attempts: 8, firstDelayMs: 200, maxDelayMs: 10_000 };

/** For work that has nowhere else to go: until the signal aborts. */
export const steadyRetry: RetryPolicy = { attempts: Infinity, firstDelayMs: 200, maxDelayMs: 5_000 };

/** For work that is retried by its caller, or not at all. */
export const singleAttempt: RetryPolicy = { attempts: 1, firstDelayMs: 0, maxDelayMs: 0 };

/** For the first contact with a service: a person is waiting for the answer. */
export const probeRetry: RetryPolicy = {
  attempts: 2,
  attemptMs: FIRST_ANSWER_MS,
  firstDelayMs: 250,
  maxDelayMs: 500,
  maxRetryAfterMs: 2_000,
};

/**
 * The one place where anything is tried again: only a {@link RetriableError} is, with jittered exponential back-off and
 * at least the wait that the server asked for. Each attempt is `work`'s to bound in time.
 *
 * @throws the last error, or the signal's reason.
 */
export async function retry<T>(
  what: Readonly<Record<string, unknown>>,
  policy: RetryPolicy,
  signal: AbortSignal,
  work: (attempt: number) => Promise<T>,
): Promise<T> {
  const attempt = async (number: number) => {
    const answer = await work(number);
    if (number > 1) policy.onRecovery?.();
    return answer;
  };
  const isRetried = (error: unknown): error is RetriableError =>
    error instanceof RetriableError && (wishOf(error) ?? 0) <= (policy.maxRetryAfterMs ?? Infinity);
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
      logger.debug({ ...what, attempt: attemptNumber, reason: messageOf(error) }, 'try again');
      const wish = wishOf(error);
      if (wish !== undefined) await pause(Math.min(wish, MAX_RETRY_AFTER_MS), signal);
    },
  });
}

/** How long the server asks to wait. */
function wishOf(error: unknown): number | undefined {
  return error instanceof RateLimitedError ? error.retryAfterMs : undefined;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}

/** A longer wish of the server than this is not believed. */
export const MAX_RETRY_AFTER_MS = 120_000;
