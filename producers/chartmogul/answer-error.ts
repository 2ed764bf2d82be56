import {
  AuthenticationError,
  RateLimitedError,
  RequestRefusedError,
  SourceUnavailableError,
  StreamNotFoundError,
  UnexpectedAnswerError,
  type EtlError,
} from '../../core/errors.ts';
import { isJsonObject, parseJson, type JsonValue } from '../../core/json.ts';

/** The error that an answer of status other than 2xx means. `path` is the request's, without its query. */
export function answerError(
  status: number,
  path: string,
  body: string,
  retryAfter: string | undefined,
): EtlError {
  const said = messageOfBody(body);
  const answered = `${path} answered ${status}${said === undefined ? '' : ` (${said})`}`;
  if (status === 401 || status === 403) {
    return new AuthenticationError(
      `ChartMogul refuses the key: ${answered}. Check CHARTMOGUL_API_KEY with \`npm run ping\`, which asks /ping`,
    );
  }
  if (status === 404) return new StreamNotFoundError(`${answered}: this account does not have it`);
  if (status === 429 || status === 503) {
    return new RateLimitedError(answered, { retryAfterMs: parseRetryAfter(retryAfter) });
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
  return typeof said === 'string' ? said.replace(/\s+/g, ' ').slice(0, 200) : undefined;
}
