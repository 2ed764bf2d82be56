import { FilterIgnoredError, RequestRefusedError, StreamNotFoundError } from '../../core/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { logger } from '../../core/logger.ts';
import type { ChartMogulClient, Query, RequestObserver } from './client.ts';
import { listWithin } from './list.ts';
import {
  LoopGuard,
  paginatorAsking,
  paginatorFor,
  singlePagePaginator,
  startAfterPaginator,
  type Paginator,
} from './paginator.ts';
import type { Page, SourceList } from './source-list.ts';

/** ChartMogul's own default and maximum. */
export const PAGE_ROWS = 200;

/**
 * Reads one list to its end, page by page, from where an interrupted run stopped.
 *
 * @throws StreamNotFoundError when the address answers 404; FilterIgnoredError when the server does not filter;
 *   UnexpectedAnswerError, PaginationLoopError, and what `get` throws.
 */
export async function* readList(
  client: ChartMogulClient,
  list: SourceList,
  observer: RequestObserver,
): AsyncGenerator<Page, void, undefined> {
  const query: Query = { ...list.query, ...(list.paging === 'none' ? {} : { per_page: PAGE_ROWS }) };
  const guard = new LoopGuard();
  const first = await firstAnswer(client, list, query, observer);
  let { answer, number } = first;
  const paginator = {
    detect: first.paginator,
    'start-after': startAfterPaginator,
    none: singlePagePaginator,
  }[list.paging];
  for (; ; number++) {
    const where = `${list.path}, page ${number}`;
    const values = list.listKey === null ? [answer] : listWithin(answer, list.listKey, where);
    const next = paginator(answer, values, where);
    if (next !== undefined) guard.check(next, where);
    if (list.isWithin !== undefined && !values.every(list.isWithin))
      throw new FilterIgnoredError(`${list.id}, page ${number} has records that its filter leaves out`);
    yield { list, number, records: values.map((value) => withFields(value, list.adds)), next };
    if (next === undefined) return;
    answer = await client.get(list.path, { ...query, ...next }, observer);
  }
}

/**
 * The page to begin with. A cursor of an earlier run may have aged, or the row it names may be gone: where it is refused, the
 * list is read from its beginning.
 */
async function firstAnswer(
  client: ChartMogulClient,
  { path, from }: SourceList,
  query: Query,
  observer: RequestObserver,
): Promise<{ answer: JsonObject; number: number; paginator: Paginator }> {
  if (from !== undefined) {
    try {
      const answer = await client.get(path, { ...query, ...from.next }, observer);
      return { answer, number: from.pages + 1, paginator: paginatorAsking(from.next) };
    } catch (error) {
      if (!(error instanceof RequestRefusedError) && !(error instanceof StreamNotFoundError)) throw error;
      logger.info({ path, reason: error.message }, 'cannot go on where the last run stopped: begins anew');
    }
  }
  const answer = await client.get(path, query, observer);
  return { answer, number: 1, paginator: paginatorFor(answer) };
}

function withFields(value: JsonValue, adds: SourceList['adds']): JsonValue {
  return adds !== undefined && isJsonObject(value) ? { ...value, ...adds } : value;
}
