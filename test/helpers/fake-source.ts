import { RequestRefusedError } from '../../core/errors.ts';
import { isJsonObject, jsonText, type JsonObject, type JsonValue } from '../../core/json.ts';
import { AnswerBody } from '../../core/http/answer-body.ts';
import {
  NO_CONTENT,
  type ChartMogulClient,
  type Query,
  type ReadAnswer,
  type RequestObserver,
} from '../../producers/chartmogul/client.ts';
import type { Page } from '../../producers/chartmogul/source-list.ts';

/** Returns the response of a source, or throws as the client does. */
export type Answerer = (path: string, query: Query) => JsonObject | Promise<JsonObject>;

export interface FakeSource {
  readonly client: ChartMogulClient;
  readonly requests: readonly { readonly path: string; readonly query: Query }[];
}

/** Creates a client that returns the test's responses without a network. */
export function fakeSource(answer: Answerer): FakeSource {
  const requests: { path: string; query: Query }[] = [];
  const get = async (path: string, query: Query = {}, observer: RequestObserver = {}) => {
    observer.onRequest?.();
    requests.push({ path, query });
    return answer(path, query);
  };
  const getPage = async <T>(path: string, query: Query, observer: RequestObserver, read: ReadAnswer<T>) => {
    const page = await get(path, query, observer);
    return page === NO_CONTENT ? undefined : read(new AnswerBody(Buffer.from(jsonText(page))), path);
  };
  return { client: { get, getPage } as unknown as ChartMogulClient, requests };
}

/**
 * The paging styles of servers. ChartMogul uses `stray cursor`: its last page has a cursor too.
 */
export const pagingStyles = [
  'stray cursor',
  'null cursor',
  'next_key',
  'page',
  'meta.page',
  'start-after',
] as const;
export type PagingStyle = (typeof pagingStyles)[number];

export interface Paging {
  readonly style: PagingStyle;
  readonly rowsOfAPage: number;
}

/**
 * Returns the page of `rows` that a query requests. A correct reader never requests a page after
 * the last one.
 *
 * @throws RequestRefusedError for a cursor or page that the list does not have.
 */
export function pageOf(
  rows: readonly JsonObject[],
  query: Query,
  { style, rowsOfAPage }: Paging,
): JsonObject {
  const start = startOf(rows, query, style, rowsOfAPage);
  const isCursor = 'cursor' in query || 'start-after' in query || 'page' in query;
  if (!Number.isInteger(start) || start < 0 || (isCursor && start >= rows.length))
    throw new RequestRefusedError('no such page');
  const end = start + rowsOfAPage;
  const hasMore = end < rows.length;
  const entries = rows.slice(start, end);
  const numbers = { page: start / rowsOfAPage + 1, total_pages: Math.ceil(rows.length / rowsOfAPage) };
  const rest: Record<PagingStyle, JsonObject> = {
    'stray cursor': { has_more: hasMore, cursor: `after ${end}` },
    'null cursor': { has_more: hasMore, cursor: hasMore ? `after ${end}` : null, ...(!isCursor && numbers) },
    next_key: { meta: { next_key: hasMore ? end : null, ...numbers } },
    page: numbers,
    'meta.page': { meta: numbers },
    'start-after': { has_more: hasMore, cursor: 'skips a row' },
  };
  return { entries, ...rest[style] };
}

function startOf(rows: readonly JsonObject[], query: Query, style: PagingStyle, rowsOfAPage: number): number {
  const { cursor, page } = query;
  const after = query['start-after'];
  if (style === 'start-after')
    return after === undefined ? 0 : rows.findIndex(({ uuid }) => uuid === after) + 1 || NaN;
  if (style === 'page' || style === 'meta.page') return (Number(page ?? 1) - 1) * rowsOfAPage;
  return cursor === undefined ? 0 : Number(String(cursor).replace('after ', ''));
}

/** Collects all items, or the first `enough` items. */
export async function collect<T>(items: AsyncIterable<T>, enough = Infinity): Promise<T[]> {
  const collected: T[] = [];
  if (enough === 0) return collected;
  for await (const item of items) {
    collected.push(item);
    if (collected.length >= enough) break;
  }
  return collected;
}

/** Returns the values of a page's entries. */
export function valuesOf({ entries }: Pick<Page, 'entries'>): JsonValue[] {
  return entries.map(({ value }) => value);
}

export function recordsOf(pages: readonly Page[]): JsonValue[] {
  return pages.flatMap(valuesOf);
}

/** Returns the distinct uuids of records, sorted. */
export function uuidsOf(records: readonly JsonValue[]): string[] {
  const uuids = records.map((record) => (isJsonObject(record) ? String(record['uuid']) : ''));
  return [...new Set(uuids)].sort();
}
