import type { Query } from './client.ts';
import type { ListEntry } from './list-entry.ts';
import type { StreamSpec } from './streams.ts';

/**
 * One list of a stream: the entire stream, the entries of one interval, or the children of one
 * parent.
 */
export interface SourceList extends Pick<StreamSpec, 'listKey' | 'paging'> {
  /** Path and filters. Identifies the list in a checkpoint. */
  readonly id: string;
  readonly path: string;
  readonly query: Query;
  /** Fields to add to every record, because the response lacks them. */
  readonly adds?: Readonly<Record<string, string>>;
  /** Set if the list contains the children of a parent. */
  readonly visit?: Visit;
  /** Where an interrupted run stopped: the query of the next page, and the number of pages read. */
  readonly from?: { readonly next: Query; readonly pages: number };
}

/**
 * A visit to a parent. The token changes with the parent's record, its latest event and each full
 * refresh.
 */
export interface Visit {
  readonly parent: string;
  readonly token: Buffer;
}

export interface ListProgress {
  readonly path: string;
  readonly query: Query;
  /** Query of the next page; undefined before the first page and after the last. */
  readonly next: Query | undefined;
  readonly pages: number;
  readonly isDone: boolean;
}

export type SourceEvent = Page | Plan | VisitEnd;

export type SourceEvents = AsyncGenerator<SourceEvent, void, undefined>;

/** One response of the API: the unit of reading, of transactions and of resuming. */
export interface Page {
  readonly kind: 'page';
  readonly list: SourceList;
  /** Counts from 1 within the list. */
  readonly number: number;
  readonly entries: readonly ListEntry[];
  /** Query of the page after this one; undefined after the last page of the list. */
  readonly next: Query | undefined;
}

/**
 * Precedes the first page. Its lists replace those of an earlier run in the checkpoint. It has none
 * if the stream is read parent by parent.
 */
export interface Plan {
  readonly kind: 'plan';
  readonly lists: readonly SourceList[];
}

/** Follows the last page of a parent's list. */
export interface VisitEnd {
  readonly kind: 'visit-end';
  readonly visit: Visit;
}

/** Returns a list at one of the stream's addresses. The filters are part of its id. */
export function sourceList(
  { listKey, paging, query: own }: Pick<StreamSpec, 'listKey' | 'paging' | 'query'>,
  path: string,
  filters: Query = {},
): SourceList {
  const query = { ...own, ...filters };
  const pairs = Object.entries(filters).map(([name, value]): [string, string] => [name, String(value)]);
  const id = pairs.length === 0 ? path : `${path}?${new URLSearchParams(pairs).toString()}`;
  return { id, path, query, listKey, paging };
}
