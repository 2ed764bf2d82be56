import { UnexpectedAnswerError } from '../../core/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { Query } from './client.ts';
import type { ListEntry } from './list-entry.ts';

interface Answered {
  readonly answer: JsonObject;
  readonly entries: readonly ListEntry[];
  /** The query for this page, without the list's own query; empty for the first page. */
  readonly asked: Query;
  /** Names the page in errors. */
  readonly where: string;
}

/**
 * Returns the query for the page after a response, or undefined after the last page.
 *
 * @throws UnexpectedAnswerError if the response does not state whether more pages follow, or how to
 *   request them, or if its page numbers are wrong.
 */
export type Paginator = (page: Answered) => Query | undefined;

/** ChartMogul's paging since October 2023. The last page also has a cursor: `has_more` decides. */
const cursorPaginator: Paginator = ({ answer, where }) => {
  if (answer['has_more'] === false) return undefined;
  const { cursor } = answer;
  if (answer['has_more'] !== true || typeof cursor !== 'string' || cursor === '')
    throw new UnexpectedAnswerError(
      `${where} must have "has_more": false, or "has_more": true and a "cursor"`,
    );
  return { cursor };
};

/**
 * The paging of `subscription_events` before cursors were introduced. Sends the key as both
 * parameters, because the API may read either.
 */
const nextKeyPaginator: Paginator = ({ answer, where }) => {
  const next = metaOf(answer)?.['next_key'];
  if (next === null || next === '') {
    rejectPromise(answer, where);
    return undefined;
  }
  if (typeof next !== 'string' && typeof next !== 'number' && typeof next !== 'bigint')
    throw new UnexpectedAnswerError(`${where}: "meta.next_key" must be a string, a number or null`);
  return { cursor: String(next), next_key: String(next) };
};

/** Numbered pages, which ChartMogul has deprecated. */
export const pageNumberPaginator: Paginator = ({ answer, entries, asked, where }) => {
  const { page, totalPages } = pageNumbersOf(answer);
  if (page === undefined || totalPages === undefined)
    throw new UnexpectedAnswerError(`${where} has no usable "page" and "total_pages"`);
  const expected = asked['page'] ?? 1;
  if (page !== expected)
    throw new UnexpectedAnswerError(`${where} must be page ${expected}; got page ${page}`);
  if (page > totalPages && entries.length > 0)
    throw new UnexpectedAnswerError(`${where} has records beyond its "total_pages" of ${totalPages}`);
  if (page < totalPages) return { page: page + 1 };
  rejectPromise(answer, where);
  return undefined;
};

/**
 * Continues after the uuid of the last row, for lists whose cursor skips rows. If the server never
 * sends `has_more`, an empty page ends the list.
 */
export function startAfterPaginator(firstAnswer: JsonObject): Paginator {
  const sendsHasMore = isGiven(firstAnswer['has_more']);
  return ({ answer, entries, where }) => {
    const hasMore = answer['has_more'];
    if (hasMore === false) return undefined;
    if (hasMore !== true && (sendsHasMore || isGiven(hasMore)))
      throw new UnexpectedAnswerError(`${where} does not say in "has_more" whether the list ends`);
    if (entries.length === 0 && hasMore !== true) return undefined;
    const last = entries.at(-1)?.value;
    const uuid = isJsonObject(last) ? last['uuid'] : undefined;
    if (typeof uuid !== 'string' || uuid === '')
      throw new UnexpectedAnswerError(
        `${where} says that more pages follow, but has no row with a "uuid" to continue after`,
      );
    return { 'start-after': uuid };
  };
}

export const singlePagePaginator: Paginator = ({ answer, where }) => {
  rejectPromise(answer, where);
  return undefined;
};

/** Detects the paging style. Legacy keys may accompany cursors, so `has_more` is checked first. */
export function paginatorFor(firstAnswer: JsonObject): Paginator {
  const meta = metaOf(firstAnswer);
  const nextKey = meta?.['next_key'];
  if (isGiven(firstAnswer['has_more'])) return cursorPaginator;
  if (isGiven(nextKey) && nextKey !== '') return nextKeyPaginator;
  if (hasMorePages(firstAnswer)) return pageNumberPaginator;
  if (nextKey !== undefined) return nextKeyPaginator;
  if (isGiven(firstAnswer['total_pages'] ?? meta?.['total_pages'])) return pageNumberPaginator;
  // A cursor without `has_more` is rejected, because it does not show whether another page follows.
  const { cursor } = firstAnswer;
  return isGiven(cursor) && cursor !== '' ? cursorPaginator : singlePagePaginator;
}

/** Returns the paging style of a resumed list from its next query. Later pages may not show it. */
export function paginatorAsking(next: Query): Paginator {
  if ('next_key' in next) return nextKeyPaginator;
  return 'page' in next ? pageNumberPaginator : cursorPaginator;
}

function metaOf(answer: JsonObject): JsonObject | undefined {
  return isJsonObject(answer['meta']) ? answer['meta'] : undefined;
}

/** Rejects a last page that promises more pages in another paging style. */
function rejectPromise(answer: JsonObject, where: string): void {
  const { has_more: hasMore } = answer;
  const nextKey = metaOf(answer)?.['next_key'];
  const hasNextKey = isGiven(nextKey) && nextKey !== '';
  if ((isGiven(hasMore) && hasMore !== false) || hasNextKey || hasMorePages(answer))
    throw new UnexpectedAnswerError(`${where} says that more pages follow, but not how to request them`);
}

function isGiven(value: JsonValue | undefined): boolean {
  return value !== undefined && value !== null;
}

function pageNumbersOf(answer: JsonObject): { page: number | undefined; totalPages: number | undefined } {
  const meta = metaOf(answer);
  const page = integer(answer['page'] ?? answer['current_page'] ?? meta?.['page']);
  return { page, totalPages: integer(answer['total_pages'] ?? meta?.['total_pages']) };
}

function hasMorePages(answer: JsonObject): boolean {
  const { page = 1, totalPages = 1 } = pageNumbersOf(answer);
  return page < totalPages;
}

function integer(value: JsonValue | undefined): number | undefined {
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : undefined;
}
