import { setTimeout as delay } from 'node:timers/promises';
import { RequestRefusedError, StreamNotFoundError, UnexpectedAnswerError } from '../../core/errors.ts';
import { foreignText } from '../../core/http/foreign-text.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { logger } from '../../core/logger.ts';
import { retry, type RetryPolicy } from '../../core/retry.ts';
import type { ChartMogulClient } from '../../producers/chartmogul/client.ts';

/**
 * Used if the answer to a request was lost. The delays give ChartMogul time to show the import, if
 * it received the request.
 */
const submitRetry: RetryPolicy = { attempts: 5, firstDelayMs: 2_000, maxDelayMs: 30_000 };

const FIRST_POLL_MS = 250;
const MAX_POLL_MS = 15_000;
const POLL_GROWTH = 1.5;

/** An import that was accepted may be missing from this number of consecutive polls. */
const MAX_MISSES = 10;

const pendingStatuses = new Set(['queued', 'processing']);

/** An import as ChartMogul shows it. */
export interface ImportJob {
  readonly externalId: string;
  readonly status: string;
  /** The details, under `plans` and under the external id of each customer. */
  readonly details: JsonObject;
}

/** ChartMogul's imports into one data source. */
export class ImportJobs {
  readonly #client: ChartMogulClient;
  readonly #path: string;
  readonly #policy: RetryPolicy;

  constructor(client: ChartMogulClient, dataSource: string, policy = submitRetry) {
    this.#client = client;
    this.#path = `/data_sources/${encodeURIComponent(dataSource)}/json_imports`;
    this.#policy = policy;
  }

  /** Returns undefined if ChartMogul has no import with this external id. */
  async find(externalId: string): Promise<ImportJob | undefined> {
    try {
      return jobOf(externalId, await this.#client.get(`${this.#path}/${externalId}`));
    } catch (error) {
      if (error instanceof StreamNotFoundError) return undefined;
      throw error;
    }
  }

  /**
   * Sends a request unless ChartMogul already has its import. Before a request is sent again, a
   * look-up confirms that ChartMogul does not have its import.
   * @param wasSent whether an earlier process may have sent it just before it was killed.
   * @throws the errors of `ChartMogulClient.post`
   */
  async submit(externalId: string, body: string, wasSent: boolean, signal: AbortSignal): Promise<ImportJob> {
    if (wasSent && (await this.find(externalId)) === undefined)
      await delay(this.#policy.firstDelayMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    return retry({ import: externalId }, this.#policy, signal, async () => {
      const known = await this.find(externalId);
      if (known !== undefined) return known;
      try {
        return jobOf(externalId, await this.#client.post(this.#path, body));
      } catch (error) {
        // An external id may be refused because an earlier request arrived late.
        const late = error instanceof RequestRefusedError ? await this.find(externalId) : undefined;
        if (late !== undefined) return late;
        throw error;
      }
    });
  }

  /** Waits until ChartMogul has processed an import. */
  async ended(job: ImportJob, signal: AbortSignal): Promise<ImportJob> {
    const { externalId } = job;
    let last = job;
    let misses = 0;
    for (let waitMs = FIRST_POLL_MS; !isEnded(last); waitMs = Math.min(waitMs * POLL_GROWTH, MAX_POLL_MS)) {
      if (!pendingStatuses.has(last.status))
        logger.warn(
          { import: externalId, status: foreignText(last.status) },
          'the import has an unknown status: waiting',
        );
      await delay(waitMs, undefined, { signal }).catch(() => signal.throwIfAborted());
      const found = await this.find(externalId);
      misses = found === undefined ? misses + 1 : 0;
      if (misses > MAX_MISSES)
        throw new UnexpectedAnswerError(`ChartMogul accepted the import ${externalId}, but does not list it`);
      last = found ?? last;
    }
    return last;
  }
}

function isEnded({ status }: ImportJob): boolean {
  return status === 'completed' || status === 'failed';
}

function jobOf(externalId: string, answer: JsonObject): ImportJob {
  const { status, status_details: details } = answer;
  if (typeof status !== 'string')
    throw new UnexpectedAnswerError(`the response for the import ${externalId} must have a "status"`);
  return { externalId, status, details: isJsonObject(details) ? details : {} };
}
