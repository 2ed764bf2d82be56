import { isDeepStrictEqual } from 'node:util';
import {
  messageOf,
  PaginationLoopError,
  RequestRefusedError,
  SourceUnavailableError,
  StreamNotFoundError,
  UnexpectedAnswerError,
} from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import { logger } from '../../core/logger.ts';
import type { ChartMogulClient, Query, RequestObserver } from './client.ts';
import type { ListEntry } from './list-entry.ts';
import { readPage, type KnownTexts } from './list-page.ts';
import {
  paginatorAsking,
  paginatorFor,
  singlePagePaginator,
  startAfterPaginator,
  type Paginator,
} from './paginator.ts';
import type { Page, SourceList } from './source-list.ts';

/** ChartMogul's default and maximum. */
const PAGE_ROWS = 200;

/** A list counts as endless after more than this many consecutive empty pages that promise more. */
const MAX_EMPTY_PAGES = 100;

interface ReadPage {
  readonly number: number;
  readonly entries: readonly ListEntry[];
  readonly paginator: Paginator;
  readonly next: Query | undefined;
}

/**
 * Reads one list to its end, page by page, and resumes where an interrupted run stopped.
 *
 * @throws StreamNotFoundError if the URL returns 404 or 410; UnexpectedAnswerError,
 * PaginationLoopError, and the errors of `get`.
 */
export async function* readList(
  client: ChartMogulClient,
  list: SourceList,
  observer: RequestObserver,
  known?: KnownTexts,
): AsyncGenerator<Page, void, undefined> {
  const query: Query = { ...list.query, ...(list.paging === 'none' ? {} : { per_page: PAGE_ROWS }) };
  const ask = async (number: number, asked: Query, askedBefore?: Paginator): Promise<ReadPage> => {
    const where = whereOf(list, number);
    const page = await client.getPage(list.path, { ...query, ...asked }, observer, (body) =>
      readPage(body, list, where, known),
    );
    if (page === undefined) {
      // After a page that promised more, an empty response does not end the list.
      if (number > 1) throw new UnexpectedAnswerError(`${where} returned no content instead of a page`);
      return { number, entries: [], paginator: singlePagePaginator, next: undefined };
    }
    const { answer, entries } = page;
    const paginator = askedBefore ?? paginatorOf(list, answer);
    return { number, entries, paginator, next: paginator({ answer, entries, asked, where }) };
  };
  const requested = new Set<string>();
  let page = (await resume(list, ask)) ?? (await ask(1, {}));
  let before: readonly ListEntry[] = [];
  let empty = 0;
  for (;;) {
    const { number, entries, paginator, next } = page;
    empty = entries.length === 0 ? empty + 1 : 0;
    if (next !== undefined) {
      const request = JSON.stringify(next);
      if (requested.has(request))
        throw new PaginationLoopError(`${whereOf(list, number)} points to a page that was already read`);
      requested.add(request);
      if (empty > MAX_EMPTY_PAGES)
        throw new PaginationLoopError(`${whereOf(list, number)}: ${empty} pages in a row have no records`);
    }
    // Applies even if the cursors differ.
    if (entries.length > 0 && areSame(entries, before))
      throw new PaginationLoopError(`${whereOf(list, number)} repeats the records of the previous page`);
    yield { kind: 'page', list, number, entries, next };
    if (next === undefined) return;
    before = entries;
    page = await ask(number + 1, next, paginator);
  }
}

function whereOf({ path }: SourceList, number: number): string {
  return `${path}, page ${number}`;
}

function paginatorOf({ listKey, paging }: SourceList, firstAnswer: JsonObject): Paginator {
  if (listKey === null) return () => undefined;
  if (paging === 'none') return singlePagePaginator;
  return paging === 'start-after' ? startAfterPaginator(firstAnswer) : paginatorFor(firstAnswer);
}

/**
 * Returns the page after the last page that an interrupted run read; undefined if there was no such
 * run. Also returns undefined, so that the list starts over, if the page cannot be read, has no
 * records or points at itself: the cursor may have expired, or the row that it points to may be
 * gone.
 */
async function resume(
  { path, paging, from }: SourceList,
  ask: (number: number, asked: Query, known?: Paginator) => Promise<ReadPage>,
): Promise<ReadPage | undefined> {
  if (from === undefined) return undefined;
  let reason = 'the page has no records';
  try {
    const known = paging === 'start-after' ? undefined : paginatorAsking(from.next);
    const page = await ask(from.pages + 1, from.next, known);
    if (isDeepStrictEqual(page.next, from.next)) reason = 'the page points at itself';
    else if (page.entries.length > 0) return page;
  } catch (error) {
    if (!cursorErrors.some((kind) => error instanceof kind)) throw error;
    reason = messageOf(error);
  }
  logger.info({ path, reason }, 'cannot resume where the last run stopped: reading the list from its start');
  return undefined;
}

/** Errors that an expired cursor may cause. If the source is down, the first page fails as well. */
const cursorErrors = [
  RequestRefusedError,
  StreamNotFoundError,
  SourceUnavailableError,
  UnexpectedAnswerError,
];

/** Compares the hashes of texts where both are known, because parsing is expensive. */
function areSame(entries: readonly ListEntry[], others: readonly ListEntry[]): boolean {
  return (
    entries.length === others.length &&
    entries.every((entry, index) => {
      const other = others[index];
      if (other === undefined) return false;
      if (entry.text !== undefined && other.text !== undefined) return entry.text.hash === other.text.hash;
      return isDeepStrictEqual(entry.value, other.value);
    })
  );
}
