import {
  AccessDeniedError,
  AuthenticationError,
  RateLimitedError,
  RequestRefusedError,
  SourceUnavailableError,
  StreamNotFoundError,
  UnexpectedAnswerError,
  type EtlError,
} from '../../core/errors.ts';
import { bodyExcerpt, foreignText } from '../../core/http/foreign-text.ts';
import { isJsonObject, parseJson, type JsonValue } from '../../core/json.ts';

/** Every valid key may read this address, so a 403 here means that the key is rejected. */
export const PING_PATH = '/ping';

interface RefusedAnswer {
  readonly status: number;
  /** Path of the request, without the query. */
  readonly path: string;
  readonly body: string;
  readonly contentType?: string | undefined;
  readonly retryAfter?: string | undefined;
}

export function answerError({ status, path, body, contentType, retryAfter }: RefusedAnswer): EtlError {
  const said = messageOfBody(body) ?? bodyExcerpt(contentType, body);
  const returned = `${path} returned ${status} (${said})`;
  if (status === 401 || (status === 403 && path === PING_PATH))
    return new AuthenticationError(
      `ChartMogul rejected the key: ${returned}. Set CHARTMOGUL_API_KEY to a valid API key of the account`,
    );
  if (status === 403)
    return new AccessDeniedError(`${returned}: the plan or the key's role does not include it`);
  if (status === 404 || status === 410)
    return new StreamNotFoundError(`${returned}: this account does not have this list`);
  if (status === 429 || status === 503) {
    const retryAfterMs = parseRetryAfter(retryAfter);
    if (retryAfterMs === undefined) return new RateLimitedError(returned, { retryAfterMs });
    const wait = `asks clients to wait ${Math.ceil(retryAfterMs / 1000)} s before the next attempt`;
    return new RateLimitedError(`${returned} and ${wait}`, { retryAfterMs });
  }
  if (status >= 500 || status === 408) return new SourceUnavailableError(returned);
  return status >= 400 ? new RequestRefusedError(returned) : new UnexpectedAnswerError(returned);
}

/**
 * Converts a `Retry-After` header, a number of seconds or an HTTP date, to milliseconds. Returns
 * undefined if it is absent, invalid or in the past.
 */
export function parseRetryAfter(value: string | undefined, nowMs = Date.now()): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isFinite(ms) && ms >= 0 ? ms : undefined;
}

/**
 * Returns the error message in a JSON body; undefined if the body is not JSON or has no such
 * message.
 */
function messageOfBody(body: string): string | undefined {
  let answer: JsonValue;
  try {
    answer = parseJson(body);
  } catch {
    return undefined;
  }
  if (!isJsonObject(answer)) return undefined;
  const said = answer['message'] ?? answer['error'] ?? firstError(answer['errors']);
  return typeof said === 'string' ? foreignText(said) : undefined;
}

/**
 * Returns the first entry of an object that maps fields to errors, as `name: A name is required`.
 */
function firstError(errors: JsonValue | undefined): string | undefined {
  if (!isJsonObject(errors)) return undefined;
  const [field, said] = Object.entries(errors)[0] ?? [];
  const text = Array.isArray(said) ? said[0] : said;
  return field !== undefined && typeof text === 'string' ? `${field}: ${text}` : undefined;
}
