import pLimit, { type LimitFunction } from 'p-limit';
import { request, type Dispatcher } from 'undici';
import {
  AccessDeniedError,
  AuthenticationError,
  ConfigError,
  messageOf,
  RateLimitedError,
  RequestRefusedError,
  RetriableError,
  SourceUnavailableError,
  StreamNotFoundError,
  UnexpectedAnswerError,
} from '../../core/errors.ts';
import { withDeadline } from '../../core/deadline.ts';
import { ACCEPT_ENCODING, readBody, type AnswerBody } from '../../core/http/answer-body.ts';
import { certificateFault } from '../../core/http/certificate-fault.ts';
import { bodyExcerpt } from '../../core/http/foreign-text.ts';
import { startOfBody } from '../../core/http/refused-answer.ts';
import { createDispatcher, throughProxy } from '../../core/http/proxy.ts';
import { isJsonObject, parseJson, type JsonObject } from '../../core/json.ts';
import { logger } from '../../core/logger.ts';
import { rememberSecret } from '../../core/redact.ts';
import { FIRST_ANSWER_MS, retry, sourceRetry, type RetryPolicy } from '../../core/retry.ts';
import { TooLargeError } from '../../core/size-limit.ts';
import type { Settings } from '../../core/settings/config.ts';
import { isLoopback } from '../../core/settings/setting-values.ts';
import { answerError, PING_PATH } from './answer-error.ts';
import { RateLimiter } from './rate-limiter.ts';

/** ChartMogul allows 20 parallel connections per account (dev.chartmogul.com/docs/rate-limits). */
const MAX_CONNECTIONS = 16;

const LOG_AWAY_EVERY_MS = 15_000;
/**
 * Longer waits requested by the server are logged, because otherwise the command would seem to
 * hang.
 */
const LONG_WAIT_MS = 5_000;

/**
 * Retry policy of the check before a run: reports a wrong address quickly, but tolerates a lost
 * connection.
 */
const pingRetry = { attempts: 4, attemptMs: FIRST_ANSWER_MS, firstDelayMs: 250, maxDelayMs: 1_000 };

const CONNECT_TIMEOUT_MS = 10_000;
const ANSWER_TIMEOUT_MS = 60_000;

/** Represents a response without a body: no records and no more pages. */
export const NO_CONTENT: JsonObject = Object.freeze({ entries: [], has_more: false });
const NO_CONTENT_STATUSES = new Set([204, 205]);

export type Query = Readonly<Record<string, string | number | boolean>>;

/** Reads a body. Throws a SyntaxError if it is not JSON; the client then retries the request. */
export type ReadAnswer<T> = (body: AnswerBody, path: string) => T;

/** A GET request, or a POST request with a JSON body. */
interface Call<T> {
  readonly path: string;
  readonly query?: Query;
  readonly body?: string;
  readonly read: ReadAnswer<T>;
}

export interface RequestObserver {
  onRequest?(): void;
  onRetry?(error: RetriableError): void;
}

/**
 * Sends requests to ChartMogul's API, or to any server that implements it. Authenticates, limits
 * the rate across all streams, and retries. The caller closes the client.
 */
export class ChartMogulClient {
  readonly #baseUrl: string;
  readonly #authorization: string;
  readonly #signal: AbortSignal;
  readonly #retryPolicy: RetryPolicy;
  readonly #limit: LimitFunction = pLimit(MAX_CONNECTIONS);
  readonly #rate: RateLimiter;
  #awayLoggedMs = -Infinity;
  #keyCheck: Promise<void> | undefined;
  readonly #dispatcher: Dispatcher;
  readonly #proxied: string;
  /** The remedy for a server that does not respond. */
  readonly #remedy: string;

  /** @throws ConfigError when no key is set. */
  constructor(settings: Settings['chartmogul'], signal: AbortSignal, retryPolicy = sourceRetry) {
    if (settings.apiKey === undefined)
      throw new ConfigError('CHARTMOGUL_API_KEY is not set: set it to an API key of your ChartMogul account');
    const key = settings.apiKey.reveal();
    this.#baseUrl = settings.baseUrl;
    this.#authorization = `Basic ${Buffer.from(`${key}:`).toString('base64')}`;
    this.#signal = signal;
    this.#retryPolicy = retryPolicy;
    this.#rate = new RateLimiter(settings.maxRequestsPerSecond);
    rememberSecret(`${key}:`);
    this.#proxied = throughProxy(settings.proxy);
    this.#remedy = isLoopback(new URL(settings.baseUrl).hostname)
      ? 'start the simulator with `npm run simulate`, or unset CHARTMOGUL_BASE_URL'
      : 'check the address and the network';
    const route = { url: settings.baseUrl, proxy: settings.proxy };
    const limits = {
      connections: MAX_CONNECTIONS,
      pipelining: 1,
      allowH2: false,
      headersTimeout: ANSWER_TIMEOUT_MS,
      bodyTimeout: ANSWER_TIMEOUT_MS,
    };
    this.#dispatcher = createDispatcher(route, limits, { timeout: CONNECT_TIMEOUT_MS });
  }

  /**
   * Sends a GET request and returns the JSON object of the response.
   *
   * @throws AuthenticationError, AccessDeniedError, StreamNotFoundError, RequestRefusedError,
   * UnexpectedAnswerError; RateLimitedError or SourceUnavailableError after the last attempt.
   */
  async get(path: string, query: Query = {}, observer: RequestObserver = {}): Promise<JsonObject> {
    return (await this.getPage(path, query, observer, objectIn)) ?? NO_CONTENT;
  }

  /**
   * Sends a GET request and returns the result of `read`; undefined if the response has no body.
   *
   * @throws the errors of `get` and of `read`.
   */
  async getPage<T>(
    path: string,
    query: Query,
    observer: RequestObserver,
    read: ReadAnswer<T>,
  ): Promise<T | undefined> {
    try {
      return await this.#getWithRetry({ path, query, read }, observer, this.#retryPolicy);
    } catch (error) {
      if (error instanceof AccessDeniedError) await this.#checkKey();
      throw error;
    }
  }

  /**
   * Sends a POST request once and returns the JSON object of the response.
   *
   * @throws SourceUnavailableError if no usable response arrives: the request may have taken
   * effect; RateLimitedError if the server did not process the request; the other errors of `get`.
   */
  async post(path: string, body: string): Promise<JsonObject> {
    return (await this.#attempt({ path, body, read: objectIn }, {}, undefined)) ?? NO_CONTENT;
  }

  /**
   * Checks the address and the key. Ignores a missing `/ping` and other refusals that do not
   * concern the key.
   *
   * @throws AuthenticationError, UnexpectedAnswerError, RateLimitedError, SourceUnavailableError
   */
  async ping(): Promise<void> {
    try {
      await this.#getWithRetry({ path: PING_PATH, read: objectIn }, {}, pingRetry);
    } catch (error) {
      if (!(error instanceof StreamNotFoundError || error instanceof RequestRefusedError)) throw error;
    }
  }

  /**
   * Throws if ChartMogul rejects the key. All denied addresses share one check, unless it fails for
   * another reason.
   */
  async #checkKey(): Promise<void> {
    this.#keyCheck ??= this.ping().catch((error: unknown) => {
      if (!(error instanceof AuthenticationError)) this.#keyCheck = undefined;
      throw error;
    });
    await this.#keyCheck;
  }

  #getWithRetry<T>(call: Call<T>, observer: RequestObserver, policy: RetryPolicy): Promise<T | undefined> {
    const attempt = () => this.#attempt(call, observer, policy.attemptMs);
    return retry({ path: call.path }, policy, this.#signal, attempt);
  }

  /** Sends a request when its turn comes, and adapts the rate to the response. */
  async #attempt<T>(
    call: Call<T>,
    observer: RequestObserver,
    answerMs: number | undefined,
  ): Promise<T | undefined> {
    try {
      return await this.#limit(async () => {
        await this.#rate.turn(this.#signal);
        observer.onRequest?.();
        const answer = await this.#send(call, answerMs);
        this.#rate.accepted();
        return answer;
      });
    } catch (error) {
      if (error instanceof RateLimitedError) this.#rate.refused(performance.now(), error.retryAfterMs);
      if (error instanceof RetriableError) observer.onRetry?.(error);
      const isLongWait = error instanceof RateLimitedError && (error.retryAfterMs ?? 0) >= LONG_WAIT_MS;
      if (error instanceof SourceUnavailableError || isLongWait) this.#logAway(error);
      throw error;
    }
  }

  #logAway(error: RetriableError): void {
    const nowMs = performance.now();
    if (nowMs - this.#awayLoggedMs < LOG_AWAY_EVERY_MS) return;
    this.#awayLoggedMs = nowMs;
    logger.warn({ reason: error.message }, 'ChartMogul is unavailable or asks clients to wait');
  }

  async close(): Promise<void> {
    await this.#dispatcher.close();
  }

  async #send<T>(
    { path, query, body: sent, read }: Call<T>,
    answerMs = ANSWER_TIMEOUT_MS,
  ): Promise<T | undefined> {
    const progress = { hasResponded: false };
    let response: Dispatcher.ResponseData;
    let body: AnswerBody | string;
    try {
      [response, body] = await withDeadline(this.#signal, answerMs, async (signal) => {
        const answer = await request(`${this.#baseUrl}${path}`, {
          dispatcher: this.#dispatcher,
          ...(query && { query }),
          ...(sent !== undefined && { method: 'POST' as const, body: sent }),
          headers: {
            ...(sent !== undefined && { 'content-type': 'application/json' }),
            authorization: this.#authorization,
            accept: 'application/json',
            'accept-encoding': ACCEPT_ENCODING,
            'user-agent': 'chartmogul-clickhouse',
          },
          signal,
        });
        progress.hasResponded = true;
        const isRefused = answer.statusCode < 200 || answer.statusCode > 299;
        return [answer, isRefused ? await startOfBody(answer.headers, answer.body) : await readBody(answer)];
      });
    } catch (error) {
      this.#signal.throwIfAborted();
      if (error instanceof TooLargeError)
        throw new UnexpectedAnswerError(`${path} returned ${error.message}`, { cause: error });
      // A proxy that inspects TLS presents its own certificate.
      const fault = certificateFault(error, 'NODE_EXTRA_CA_CERTS', 'CHARTMOGUL_BASE_URL');
      if (fault !== undefined)
        throw new SourceUnavailableError(
          `ChartMogul at ${this.#baseUrl} (CHARTMOGUL_BASE_URL)${this.#proxied} ${fault.what}; ${fault.remedy}`,
          { cause: error },
        );
      const reason = messageOf(error);
      const message = progress.hasResponded
        ? `${path} returned a response${this.#proxied} that cannot be read: ${reason}`
        : `ChartMogul does not respond at ${this.#baseUrl}${path} (CHARTMOGUL_BASE_URL)${this.#proxied}: ${reason}; ${this.#remedy}`;
      throw new SourceUnavailableError(message, { cause: error });
    }
    const { statusCode: status, headers } = response;
    const contentType = headers['content-type']?.toString();
    if (typeof body === 'string') {
      const [retryAfter] = [headers['retry-after']].flat();
      throw answerError({ status, path, body, contentType, retryAfter });
    }
    if (NO_CONTENT_STATUSES.has(status)) return undefined;
    try {
      return read(body, path);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      // The parser's message would quote the body, which contains records.
      throw new SourceUnavailableError(
        `${path} returned ${status} with a body that is not JSON, or that is incomplete (${bodyExcerpt(contentType, body.text)})`,
      );
    }
  }
}

/** Returns the JSON object of a body. @throws SyntaxError, UnexpectedAnswerError */
export function objectIn(body: AnswerBody, path: string): JsonObject {
  const answer = parseJson(body.text);
  if (isJsonObject(answer)) return answer;
  throw new UnexpectedAnswerError(`${path} returned JSON that is not an object`);
}
