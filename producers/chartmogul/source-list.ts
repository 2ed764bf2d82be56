import type { JsonValue } from '../../core/json.ts';
import type { RecordHash } from '../encode/record-hash.ts';
import type { Query } from './client.ts';
import type { StreamSpec } from './streams.ts';

/** One list of a stream: the whole of it, the entries of one interval, or that of one parent. */
export interface SourceList extends Pick<StreamSpec, 'listKey' | 'paging'> {
  /** Path and filters, by which a checkpoint knows the list. */
  readonly id: string;
  readonly path: string;
  readonly query: Query;
  /** Fields that every record gets, since the answer does not say them. */
  readonly adds?: Readonly<Record<string, string>>;
  /** The parent whose list it is, and what it is visited for. */
  readonly visit?: Visit;
  /** Where an interrupted run stopped: the page to go on with, and how many were read. */
  readonly from?: { readonly next: Query; readonly pages: number };
}

/** The token is made of the parent's record and the round. */
export interface Visit {
  readonly parent: string;
  readonly token: RecordHash;
}

/** One answer of the API. The unit of reading, of transactions and of resuming. */
export interface Page {
  readonly list: SourceList;
  /** From 1 within its list. */
  readonly number: number;
  /** As read: still hostile, and not yet known to be objects. */
  readonly records: readonly JsonValue[];
  /** What asks for the page after it; undefined after the last of its list. */
  readonly next: Query | undefined;
  /** The lists that are left to read beside this page's own, where that is decided anew. */
  readonly plan?: readonly SourceList[];
  /** It ends a visit that may not be recorded yet. */
  readonly isVisitOpen?: true;
}

/** A list of a stream at one of its addresses, with filters beside the stream's own. */
export function sourceList(
  { listKey, paging, query: own }: Pick<StreamSpec, 'listKey' | 'paging' | 'query'>,
  path: string,
  filters: Query = {},
): SourceList {
  const query = { ...own, ...filters };
  return { id: listId(path, filters), path, query, listKey, paging };
}

function listId(path: string, filters: Query): string {
  const pairs = Object.entries(filters).map(([name, value]): [string, string] => [name, String(value)]);
  return pairs.length === 0 ? path : `${path}?${new URLSearchParams(pairs).toString()}`;
}
