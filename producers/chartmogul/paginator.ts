import { PaginationLoopError, UnexpectedAnswerError } from '../../core/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { Query } from './client.ts';

/** A page as its server answered it. */
export interface Answered {
  readonly answer: JsonObject;
  readonly list: readonly JsonValue[];
  /** What asked for it, beside the list's own query; empty for the first page. */
  readonly asked: Query;
  /** Names it for an error. */
  readonly where: string;
}

/**
 * One way of asking for the page after an answer: the query to add, or undefined after the last page.
 *
 * @throws UnexpectedAnswerError when the answer says that there is more and not where, or does not say any more whether there is.
 */
export type Paginator = (page: Answered) => Query | undefined;

/** ChartMogul's paging since October 2023. The last page has a cursor too: only `has_more` tells the end. */
export const cursorPaginator: Paginator = ({ answer, where }) => {
  if (answer['has_more'] === false) return undefined;
  const { cursor } = answer;
  if (answer['has_more'] !== true || typeof cursor !== 'string' || cursor === '') {
    throw new UnexpectedAnswerError(`${where} has neither "has_more": false nor a "cursor" to go on from`);
  }
  return { cursor };
};

/** The paging of `subscription_events` before cursors. Which of the two names the server takes is not documented. */
export const nextKeyPaginator: Paginator = ({ answer, where }) => {
  const next = metaOf(answer)?.['next_key'];
  if (next === null || next === '') {
    refusePromise(answer, where);
    return undefined;
  }
  if (typeof next !== 'string' && typeof next !== 'number' && typeof next !== 'bigint')
    throw new UnexpectedAnswerError(`${where}: "meta.next_key" is neither text nor a number nor null`);
  return { cursor: String(next), next_key: String(next) };
};

/** Numbered pages, deprecated by ChartMogul. */
export const pageNumberPaginator: Paginator = ({ answer, list, asked, where }) => {
  const { page, totalPages } = pageNumbersOf(answer);
  if (page === undefined || totalPages === undefined) {
    throw new UnexpectedAnswerError(`${where} has no usable "page" and "total_pages"`);
  }
  const wanted = asked['page'] ?? 1;
  if (page !== wanted) throw new UnexpectedAnswerError(`${where} is page ${page}, asked for page ${wanted}`);
  if (page > totalPages && list.length > 0)
    throw new UnexpectedAnswerError(`${where} has records beyond its "total_pages" of ${totalPages}`);
  if (page < totalPages) return { page: page + 1 };
  refusePromise(answer, where);
  return undefined;
};

/**
 * Continues after the last row received, by its uuid; for lists whose cursor skips rows. A server that never says `has_more`
 * ends such a list with an empty page.
 */
export function startAfterPaginator(firstAnswer: JsonObject): Paginator {
  const isTold = isGiven(firstAnswer['has_more']);
  return ({ answer, list, where }) => {
    const hasMore = answer['has_more'];
    if (hasMore === false) return undefined;
    if (hasMore !== true && (isTold || isGiven(hasMore)))
      throw new UnexpectedAnswerError(`${where} does not say in "has_more" whether the list ends`);
    if (list.length === 0 && hasMore !== true) return undefined;
    const last = list.at(-1);
    const uuid = isJsonObject(last) ? last['uuid'] : undefined;
    if (typeof uuid !== 'string' || uuid === '')
      throw new UnexpectedAnswerError(
        `${where} promises more and has no row with a "uuid" to continue after`,
      );
    return { 'start-after': uuid };
  };
}

/** The answer is all there is. */
export const singlePagePaginator: Paginator = ({ answer, where }) => {
  refusePromise(answer, where);
  return undefined;
};

/** The paging style of a list, told from its first page: legacy keys stand beside cursors, so cursors come first. */
export function paginatorFor(firstAnswer: JsonObject): Paginator {
  const meta = metaOf(firstAnswer);
  const nextKey = meta?.['next_key'];
  if (isGiven(firstAnswer['has_more'])) return cursorPaginator;
  if (isGiven(nextKey) && nextKey !== '') return nextKeyPaginator;
  if (hasMorePages(firstAnswer)) return pageNumberPaginator;
  if (nextKey !== undefined) return nextKeyPaginator;
  if (isGiven(firstAnswer['total_pages'] ?? meta?.['total_pages'])) return pageNumberPaginator;
  // Whether a cursor without `has_more` leads on cannot be told: it is refused.
  const { cursor } = firstAnswer;
  return isGiven(cursor) && cursor !== '' ? cursorPaginator : singlePagePaginator;
}

/** The paging style of a list that an earlier run began, told from what it wanted to ask next: later pages may not tell. */
export function paginatorAsking(next: Query): Paginator {
  if ('next_key' in next) return nextKeyPaginator;
  return 'page' in next ? pageNumberPaginator : cursorPaginator;
}

/** Refuses to ask twice for the same page of one list. */
export class LoopGuard {
  readonly #asked = new Set<string>();

  /** @throws PaginationLoopError */
  check(next: Query, where: string): void {
    const page = JSON.stringify(next);
    if (this.#asked.has(page))
      throw new PaginationLoopError(`${where} points at a page that was read before`);
    this.#asked.add(page);
  }
}

function metaOf(answer: JsonObject): JsonObject | undefined {
  return isJsonObject(answer['meta']) ? answer['meta'] : undefined;
}

/** What is the end by one way of paging may not promise more by another. */
function refusePromise(answer: JsonObject, where: string): void {
  const nextKey = metaOf(answer)?.['next_key'];
  const isMore =
    (isGiven(answer['has_more']) && answer['has_more'] !== false) ||
    (isGiven(nextKey) && nextKey !== '') ||
    hasMorePages(answer);
  if (isMore) throw new UnexpectedAnswerError(`${where} promises more and gives no way to continue`);
}

function isGiven(value: JsonValue | undefined): boolean {
  return value !== undefined && value !== null;
}

function pageNumbersOf(answer: JsonObject): { page: number | undefined; totalPages: number | undefined } {
  const meta = metaOf(answer);
  return {
    page: integer(answer['page'] ?? answer['current_page'] ?? meta?.['page']),
    totalPages: integer(answer['total_pages'] ?? meta?.['total_pages']),
  };
}

/** By its numbers alone. */
function hasMorePages(answer: JsonObject): boolean {
  const { page = 1, totalPages = 1 } = pageNumbersOf(answer);
  return page < totalPages;
}

function integer(value: JsonValue | undefined): number | undefined {
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : undefined;
}
