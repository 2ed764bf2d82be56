import { isJsonObject, type JsonValue } from '../../core/json.ts';
import type { ChartMogulClient, Query, RequestObserver } from './client.ts';
import { listWithin } from './list.ts';
import { LoopGuard, paginatorFor, singlePagePaginator, startAfterPaginator } from './paginator.ts';
import type { StreamSpec } from './streams.ts';

/** One record as read: still hostile, and not yet known to be an object. */
export interface SourceRecord {
  readonly value: JsonValue;
  /** Number of its page, from 1. */
  readonly page: number;
}

/** Told of what is read, to count it. */
export interface SourceObserver extends RequestObserver {
  onPage?(records: number): void;
}

/** One list of a stream: the only one, or that of one parent or one interval. */
export interface ListRequest extends Pick<StreamSpec, 'listKey' | 'paging' | 'query'> {
  readonly path: string;
  /** Fields that every record gets, since the answer does not say them. */
  readonly adds?: Readonly<Record<string, string>>;
}

/** ChartMogul's own default and maximum. */
export const PAGE_ROWS = 200;

/**
 * Reads one list to its end, page by page.
 *
 * @throws StreamNotFoundError when the address answers 404; UnexpectedAnswerError, PaginationLoopError, and what `get` throws.
 */
export async function* readList(
  client: ChartMogulClient,
  list: ListRequest,
  observer: SourceObserver,
): AsyncGenerator<SourceRecord, void, undefined> {
  const query: Query = { ...list.query, ...(list.paging === 'none' ? {} : { per_page: PAGE_ROWS }) };
  const guard = new LoopGuard();
  let answer = await client.get(list.path, query, observer);
  const paginator = {
    detect: paginatorFor(answer),
    'start-after': startAfterPaginator,
    none: singlePagePaginator,
  };
  for (let page = 1; ; page++) {
    const where = `${list.path}, page ${page}`;
    const records = list.listKey === null ? [answer] : listWithin(answer, list.listKey, where);
    const next = paginator[list.paging](answer, records, where);
    if (next !== undefined) guard.check(next, where);
    observer.onPage?.(records.length);
    for (const value of records) yield { value: withFields(value, list.adds), page };
    if (next === undefined) return;
    answer = await client.get(list.path, { ...query, ...next }, observer);
  }
}

function withFields(value: JsonValue, adds: ListRequest['adds']): JsonValue {
  return adds !== undefined && isJsonObject(value) ? { ...value, ...adds } : value;
}
