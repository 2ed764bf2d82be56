import { PaginationLoopError, UnexpectedAnswerError } from '../../core/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { Query } from './client.ts';

/**
 * One way of asking for the page after an answer: the query to add, or undefined after the last page. `where` names the
 * answer for an error.
 *
 * @throws UnexpectedAnswerError when the answer says that there is more and not where.
 */
export type Paginator = (answer: JsonObject, list: readonly JsonValue[], where: string) => Query | undefined;

/** ChartMogul's paging since October 2023. The last page has a cursor too: only `has_more` tells the end. */
export const cursorPaginator: Paginator = (answer, _list, where) => {
  if (answer['has_more'] === false) return undefined;
  const { cursor } = answer;
  if (answer['has_more'] !== true || typeof cursor !== 'string' || cursor === '') {
    throw new UnexpectedAnswerError(`${where} has neither "has_more": false nor a "cursor" to go on from`);
  }
  return { cursor };
};

/** The paging of `subscription_events` before cursors. Which of the two names the server takes is not documented. */
export const nextKeyPaginator: Paginator = (answer, _list, where) => {
  const next = metaOf(answer)?.['next_key'] ?? null;
  if (next === null || next === '') return undefined;
  if (typeof next === 'object')
    throw new UnexpectedAnswerError(`${where}: "meta.next_key" is neither text nor a number`);
  return { cursor: String(next), next_key: String(next) };
};

/** Numbered pages, deprecated by ChartMogul. */
export const pageNumberPaginator: Paginator = (answer, _list, where) => {
  const { page, totalPages } = pageNumbersOf(answer);
  if (page === undefined || totalPages === undefined) {
    throw new UnexpectedAnswerError(`${where} has no "page" and "total_pages" any more`);
  }
  return page < totalPages ? { page: page + 1 } : undefined;
};

/** Goes on after the last row received, by its uuid; for lists whose cursor skips rows. */
export const startAfterPaginator: Paginator = (answer, list, where) => {
  if (answer['has_more'] === false || list.length === 0) return undefined;
  const last = list.at(-1);
  const uuid = isJsonObject(last) ? last['uuid'] : undefined;
  if (typeof uuid !== 'string' || uuid === '')
    throw new UnexpectedAnswerError(`the last row of ${where} has no "uuid" to go on after`);
  return { 'start-after': uuid };
};

/** The answer is all there is. */
export const singlePagePaginator: Paginator = () => undefined;

/** The paging style of a list, told from its first page: legacy keys stand beside cursors, so cursors come first. */
export function paginatorFor(firstAnswer: JsonObject): Paginator {
  if ((firstAnswer['has_more'] ?? null) !== null) return cursorPaginator;
  if (metaOf(firstAnswer)?.['next_key'] !== undefined) return nextKeyPaginator;
  if (pageNumbersOf(firstAnswer).totalPages !== undefined) return pageNumberPaginator;
  return singlePagePaginator;
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

function pageNumbersOf(answer: JsonObject): { page: number | undefined; totalPages: number | undefined } {
  const meta = metaOf(answer);
  return {
    page: integer(answer['page'] ?? answer['current_page'] ?? meta?.['page']),
    totalPages: integer(answer['total_pages'] ?? meta?.['total_pages']),
  };
}

function integer(value: JsonValue | undefined): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
}
