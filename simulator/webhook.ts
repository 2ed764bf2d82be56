import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import { ServiceUnavailableError, messageOf, RetriableError } from '../core/errors.ts';
import { retry } from '../core/retry.ts';
import { toJson, type Rendered } from './data/rendered.ts';
import { Random } from './data/random.ts';

export interface WebhookOptions {
  /** The URL of the webhook, including the token. */
  readonly url: string;
  /** Events per second. */
  readonly rate: number;
  /** Share of events that are sent twice at the same time. */
  readonly duplicates: number;
  /** The wait before the first retry. Each further wait is longer, up to a minute. */
  readonly firstRetryMs: number;
  /** Events to send; all if undefined. */
  readonly count?: number | undefined;
  readonly seed: number;
}

export interface WebhookStatistics {
  sent: number;
  duplicates: number;
  retries: number;
  /** Events without a 2xx after all attempts. */
  failed: number;
}

/** The number of attempts that ChartMogul documents. */
const ATTEMPTS = 17;
const MAX_DELAY_MS = 60_000;
const MAX_CONNECTIONS = 100;
/**
 * The maximum number of events that wait for a 2xx, and the pause between checks when it is
 * reached.
 */
const MAX_WAITING = 5_000;
const FULL_MS = 20;
const ANSWER_MS = 15_000;

/**
 * Sends events to a webhook as ChartMogul does: without a signature, and repeatedly until a
 * response has a status from 200 to 299. Returns when every event has been accepted or has failed.
 */
export async function sendEvents(
  events: Iterable<Rendered>,
  { url, rate, duplicates, firstRetryMs, count = Infinity, seed }: WebhookOptions,
  signal: AbortSignal,
): Promise<WebhookStatistics> {
  const statistics: WebhookStatistics = { sent: 0, duplicates: 0, retries: 0, failed: 0 };
  const { origin, pathname: path } = new URL(url);
  const pool = new Pool(origin, { connections: MAX_CONNECTIONS, headersTimeout: ANSWER_MS });
  const policy = {
    attempts: ATTEMPTS,
    firstDelayMs: firstRetryMs,
    maxDelayMs: MAX_DELAY_MS,
    onRetry: () => {
      statistics.retries++;
    },
  };
  const attempt = async (body: string) => {
    const headers = { 'content-type': 'application/json' };
    const response = await pool.request({ path, method: 'POST', headers, body, signal }).catch(unanswered);
    await response.body.dump();
    const { statusCode } = response;
    if (statusCode < 200 || statusCode > 299)
      throw new ServiceUnavailableError(`the webhook returned ${statusCode}`);
  };
  const waiting = new Set<Promise<void>>();
  const send = (body: string) => {
    const sending = retry({ webhook: origin }, policy, signal, () => attempt(body))
      .catch((error: unknown) => {
        if (!(error instanceof RetriableError)) throw error;
        statistics.failed++;
      })
      .finally(() => waiting.delete(sending));
    sending.catch(() => undefined);
    waiting.add(sending);
  };
  const random = new Random(seed);
  const startMs = performance.now();
  try {
    for (const event of events) {
      if (statistics.sent >= count) break;
      const waitMs = startMs + (statistics.sent * 1_000) / rate - performance.now();
      if (waitMs > 0) await delay(waitMs, undefined, { signal });
      while (waiting.size >= MAX_WAITING) await delay(FULL_MS, undefined, { signal });
      signal.throwIfAborted();
      const body = toJson(event);
      send(body);
      if (random.chance('webhook.duplicate', duplicates, statistics.sent)) {
        statistics.duplicates++;
        send(body);
      }
      statistics.sent++;
    }
    await Promise.all(waiting);
    return statistics;
  } finally {
    await pool.destroy();
  }
}

function unanswered(error: unknown): never {
  throw new ServiceUnavailableError(`the webhook does not respond: ${messageOf(error)}`, { cause: error });
}
