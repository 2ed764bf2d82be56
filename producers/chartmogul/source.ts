import { Readable } from 'node:stream';
import { StreamNotFoundError } from '../../core/errors.ts';
import { isJsonObject } from '../../core/json.ts';
import type { ChartMogulClient } from './client.ts';
import { PAGE_ROWS, readList, type SourceObserver, type SourceRecord } from './list-reader.ts';
import { metricLists } from './metrics.ts';
import { streams, type StreamSpec } from './streams.ts';

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

type Records = AsyncGenerator<SourceRecord, void, undefined>;

/** Tries the stream's addresses in turn: an account, or a server that speaks the API, may know only a later one. */
async function* readStream(client: ChartMogulClient, spec: StreamSpec, observer: SourceObserver): Records {
  for (const [index, path] of spec.paths.entries()) {
    let isAnswered = false;
    try {
      for await (const record of readPath(client, spec, path, observer)) {
        isAnswered = true;
        yield record;
      }
      return;
    } catch (error) {
      const isLast = index === spec.paths.length - 1;
      if (!(error instanceof StreamNotFoundError) || isAnswered || isLast) throw error;
    }
  }
}

async function* readPath(
  client: ChartMogulClient,
  spec: StreamSpec,
  path: string,
  observer: SourceObserver,
): Records {
  if (spec.parent !== undefined && path.includes(`{${spec.parent.field}}`)) {
    yield* readOfParents(client, spec, path, spec.parent, observer);
  } else if (spec.isMetric === true) {
    for (const list of metricLists(spec, path, new Date())) yield* readList(client, list, observer);
  } else {
    yield* readList(client, { ...spec, path }, observer);
  }
}

/** One list for each record of the parent stream, whose key becomes part of the address and of every child. */
async function* readOfParents(
  client: ChartMogulClient,
  spec: StreamSpec,
  path: string,
  { stream, field }: NonNullable<StreamSpec['parent']>,
  observer: SourceObserver,
): Records {
  const parent = streams.find(({ name }) => name === stream);
  if (parent === undefined) throw new RangeError(`${spec.name} has the unknown parent ${stream}`);
  for await (const { value } of readStream(client, parent, { ...observer, onPage: () => undefined })) {
    const key = isJsonObject(value) ? value['uuid'] : undefined;
    if (typeof key !== 'string') continue;
    const list = {
      ...spec,
      path: path.replace(`{${field}}`, encodeURIComponent(key)),
      adds: { [field]: key },
    };
    try {
      yield* readList(client, list, observer);
    } catch (error) {
      // The parent went while its siblings were read: it has no children any more.
      if (!(error instanceof StreamNotFoundError)) throw error;
    }
  }
}
