import { Readable } from 'node:stream';
import { StreamNotFoundError } from '../../core/errors.ts';
import type { JsonObject, JsonValue } from '../../core/json.ts';
import type { ChartMogulClient, Query, RequestObserver } from './client.ts';
import { listWithin } from './list.ts';
import {
  LoopGuard,
  paginatorFor,
  singlePagePaginator,
  startAfterPaginator,
  type Paginator,
} from './paginator.ts';
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

const PAGE_ROWS = 200;

/** The next page is asked for when fewer records than this wait to be encoded: memory holds about two pages a stream. */
const READ_AHEAD_RECORDS = PAGE_ROWS;

/** A Readable of every record of a stream, page by page; it asks for no page before there is room for one. */
export function createSourceReadable(
  client: ChartMogulClient,
  spec: StreamSpec,
  observer: SourceObserver,
): Readable {
  return Readable.from(readStream(client, spec, observer), {
    objectMode: true,
    highWaterMark: READ_AHEAD_RECORDS,
  });
}

async function* readStream(
  client: ChartMogulClient,
  spec: StreamSpec,
  observer: SourceObserver,
): AsyncGenerator<SourceRecord, void, undefined> {
  const first = await readFirstPage(client, spec, observer);
  const paginator = choosePaginator(spec, first.answer);
  const guard = new LoopGuard();
  let { answer } = first;
  for (let page = 1; ; page++) {
    const where = `${first.path}, page ${page}`;
    const list = spec.listKey === null ? [answer] : listWithin(answer, spec.listKey, where);
    const next = paginator(answer, list, where);
    if (next !== undefined) guard.check(next, where);
    observer.onPage?.(list.length);
    for (const value of list) yield { value, page };
    if (next === undefined) return;
    answer = await client.get(first.path, { ...firstQuery(spec), ...next }, observer);
  }
}

/** Tries the stream's addresses in turn: an account, or a server that speaks the API, may know only a later one. */
async function readFirstPage(
  client: ChartMogulClient,
  spec: StreamSpec,
  observer: SourceObserver,
): Promise<{ path: string; answer: JsonObject }> {
  const [path, ...others] = spec.paths;
  try {
    return { path, answer: await client.get(path, firstQuery(spec), observer) };
  } catch (error) {
    const [next, ...rest] = others;
    if (!(error instanceof StreamNotFoundError) || next === undefined) throw error;
    return readFirstPage(client, { ...spec, paths: [next, ...rest] }, observer);
  }
}

function firstQuery(spec: StreamSpec): Query {
  return { ...spec.query, ...(spec.paging === 'none' ? {} : { per_page: PAGE_ROWS }) };
}

function choosePaginator(spec: StreamSpec, firstAnswer: JsonObject): Paginator {
  if (spec.paging === 'start-after') return startAfterPaginator;
  return spec.paging === 'none' ? singlePagePaginator : paginatorFor(firstAnswer);
}
