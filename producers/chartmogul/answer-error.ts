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

/** Answers any key that works, so its 403 concerns the key; that of another address need not. */
export const PING_PATH = '/ping';

/** An answer of a status other than 2xx. */
export interface RefusedAnswer {
  readonly status: number;
  /** Of the request, without its query. */
  readonly path: string;
  readonly body: string;
  readonly contentType?: string | undefined;
  readonly retryAfter?: string | undefined;
}

/** The error that an answer means. */
export function answerError({ status, path, body, contentType, retryAfter }: RefusedAnswer): EtlError {
  const said = messageOfBody(body) ?? bodyExcerpt(contentType, body);
  const answered = `${path} answered ${status} (${said})`;
  if (status === 401 || (status === 403 && path === PING_PATH)) {
    return new AuthenticationError(
      `ChartMogul refuses the key: ${answered}. Check CHARTMOGUL_API_KEY with \`npm run ping\`, which asks /ping`,
    );
  }
  if (status === 403) return new AccessDeniedError(`${answered}: the plan or the key's role lacks it`);
  if (status === 404 || status === 410)
    return new StreamNotFoundError(`${answered}: this account does not have it`);
  if (status === 429 || status === 503) {
    const retryAfterMs = parseRetryAfter(retryAfter);
    const wish =
      retryAfterMs === undefined
        ? ''
        : ` and asks to wait ${Math.ceil(retryAfterMs / 1000)} s before the next try`;
    return new RateLimitedError(`${answered}${wish}`, { retryAfterMs });
  }
  if (status >= 500 || status === 408) return new SourceUnavailableError(answered);
  return status >= 400 ? new RequestRefusedError(answered) : new UnexpectedAnswerError(answered);
}

/** `Retry-After` in milliseconds: a number of seconds or an HTTP date. */
export function parseRetryAfter(value: string | undefined, nowMs = Date.now()): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isFinite(ms) && ms >= 0 ? ms : undefined;
}

/** ChartMogul's errors come in at least four shapes, some as plain text; the first words found are enough for a log. */
function messageOfBody(body: string): string | undefined {
  let answer: JsonValue;
  try {
    answer = parseJson(body);
  } catch {
    return undefined;
  }
  if (!isJsonObject(answer)) return undefined;
  const said = answer['message'] ?? answer['error'];
  return typeof said === 'string' ? foreignText(said) : undefined;
}
