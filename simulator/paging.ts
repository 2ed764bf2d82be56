import { badParameter, ok, type Answer } from './answer.ts';
import { toJson, type Rendered } from './data/rendered.ts';

/** A list in the API's order. Any page can be read without the pages before it. */
export interface List<Item> {
  /** The field of the response that contains the rows. */
  readonly key: string;
  /** Which keys of the old paging a first page still has. */
  readonly legacy: keyof typeof legacyKeys;
  /** The cursor key of an empty first page; by default, its value is null. */
  readonly whenEmpty?: Rendered;
  /** Further keys of the response. */
  readonly extra?: Rendered;
  rows(cursor: string | undefined): Iterable<Item>;
  render(item: Item): Rendered;
  /** Returns false for a row that the query's filters exclude. If absent, all rows are kept. */
  accepts?(record: Rendered): boolean;
  /** Returns the cursor after this row. `next` is the following row, if any. */
  cursorOf(item: Item, next: Item | undefined): string;
}

const largestPage = 200;
const noCursor = { cursor: null };

export function pageOf<Item>(list: List<Item>, query: URLSearchParams): Answer {
  if (query.has('page')) return numberedPageOf(list, query);
  const cursor = query.get('cursor') ?? undefined;
  const perPage = perPageOf(query);
  const records: string[] = [];
  let last: Item | undefined;
  let next: Item | undefined;
  for (const item of list.rows(cursor)) {
    const record = list.render(item);
    if (list.accepts?.(record) === false) continue;
    if (records.length === perPage) {
      next = item;
      break;
    }
    records.push(toJson(record));
    last = item;
  }
  const paging = {
    ...(last !== undefined && { cursor: list.cursorOf(last, next) }),
    ...(last === undefined && (cursor === undefined ? (list.whenEmpty ?? noCursor) : noCursor)),
    has_more: next !== undefined,
    ...list.extra,
    ...(cursor === undefined && legacyKeys[list.legacy](perPage, next === undefined ? 1 : 0)),
  };
  return answerWith(list.key, records, paging);
}

/** Returns a page by number. Counts all rows, as the API did, so it suits only small accounts. */
export function numberedPageOf<Item>(list: List<Item>, query: URLSearchParams): Answer {
  const perPage = perPageOf(query);
  const page = Math.max(Number(query.get('page') ?? 1) || 1, 1);
  const records: string[] = [];
  let rows = 0;
  for (const record of allOf(list)) {
    if (Math.floor(rows / perPage) === page - 1) records.push(toJson(record));
    rows++;
  }
  const totalPages = Math.ceil(rows / perPage);
  const paging = { page, current_page: page, per_page: perPage, total_pages: totalPages };
  return answerWith(list.key, records, paging);
}

function answerWith(key: string, records: readonly string[], rest: Rendered): Answer {
  return {
    ...ok({}),
    body: `{${JSON.stringify(key)}:[${records.join(',')}],${JSON.stringify(rest).slice(1)}`,
  };
}

/** Yields every row of a list that its filters keep. */
export function* allOf<Item>(list: List<Item>): Iterable<Rendered> {
  for (const item of list.rows(undefined)) {
    const record = list.render(item);
    if (list.accepts?.(record) !== false) yield record;
  }
}

/** Returns the page size. The default is also the maximum. */
export function perPageOf(query: URLSearchParams): number {
  const asked = Number(query.get('per_page') ?? query.get('per-page') ?? largestPage);
  return Number.isInteger(asked) && asked >= 1 ? Math.min(asked, largestPage) : largestPage;
}

/**
 * The keys of the old paging. The totals are placeholders: some totals in recorded API responses
 * are meaningless too.
 */
const legacyKeys = {
  customers: (size, total) => ({ current_page: 1, total_pages: total, per_page: size, page: 1 }),
  search: (size) => ({ current_page: 1, total_pages: null, per_page: size, page: 1 }),
  pages: (_, total) => ({ current_page: 1, total_pages: total }),
  page: (size) => ({ per_page: size, page: 1 }),
  per_page: (size) => ({ per_page: size }),
  meta: (_, total) => ({
    meta: { next_key: null, prev_key: null, before_key: null, page: 1, total_pages: total },
  }),
  none: () => ({}),
} satisfies Record<string, (size: number, total: number) => Rendered>;

/** Returns `time&id` in base64, as in the API's own cursors. */
export function toCursor(time: string, id: string | number): string {
  return Buffer.from(`${time}&${id}`).toString('base64');
}

export function idInCursor(cursor: string): string {
  const text = Buffer.from(cursor, 'base64').toString('utf8');
  const match = /^(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z)?&([\w-]+)$/.exec(text);
  if (match?.[1] === undefined) throw badParameter('cursor', 'invalid');
  return match[1];
}

/** Returns the rows after the row whose id is in the cursor, or all rows if there is no cursor. */
export function rowsAfter<Item>(
  cursor: string | undefined,
  rows: Item[],
  idOf: (row: Item) => string,
): Item[] {
  if (cursor === undefined) return rows;
  const id = idInCursor(cursor);
  const last = rows.findIndex((row) => idOf(row) === id);
  if (last < 0) throw badParameter('cursor', 'invalid');
  return rows.slice(last + 1);
}
