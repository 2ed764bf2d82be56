import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  FilterIgnoredError,
  PaginationLoopError,
  RequestRefusedError,
  SourceUnavailableError,
  StreamNotFoundError,
  UnexpectedAnswerError,
} from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import { logger } from '../../core/logger.ts';
import { readList } from '../../producers/chartmogul/list-reader.ts';
import type { SourceList } from '../../producers/chartmogul/source-list.ts';
import {
  collect,
  fakeSource,
  pageOf,
  pagingStyles,
  recordsOf,
  type Answerer,
} from '../helpers/fake-source.ts';

logger.level = 'silent';

const plans: SourceList = { id: '/plans', path: '/plans', query: {}, listKey: 'entries', paging: 'detect' };
const rowsOf = (count: number): JsonObject[] =>
  Array.from({ length: count }, (_, index) => ({ uuid: `pl_${index}` }));

async function read(answer: Answerer, list: Partial<SourceList> = {}) {
  const { client, requests } = fakeSource(answer);
  return { pages: await collect(readList(client, { ...plans, ...list }, {})), requests };
}

const listings = fc.record({
  count: fc.integer({ min: 0, max: 40 }),
  style: fc.constantFrom(...pagingStyles),
  rowsOfAPage: fc.integer({ min: 1, max: 12 }),
});
const pagingOf = (style: string) => (style === 'start-after' ? 'start-after' : 'detect');

test('every record comes once and in order, however many there are and however they are paged', async () => {
  await fc.assert(
    fc.asyncProperty(listings, async ({ count, style, rowsOfAPage }) => {
      const rows = rowsOf(count);
      const { pages, requests } = await read((_, query) => pageOf(rows, query, { style, rowsOfAPage }), {
        paging: pagingOf(style),
      });
      assert.deepEqual(recordsOf(pages), rows);
      assert.equal(requests.length, Math.max(1, Math.ceil(count / rowsOfAPage)));
      assert.deepEqual(
        pages.map(({ number, next }) => [number, next === undefined]),
        pages.map((_, index) => [index + 1, index === pages.length - 1]),
      );
    }),
  );
});

test('gone on with after any page, a list gives exactly the pages after it, however it is paged', async () => {
  await fc.assert(
    fc.asyncProperty(listings, async ({ count, style, rowsOfAPage }) => {
      const rows = rowsOf(count);
      const answer: Answerer = (_, query) => pageOf(rows, query, { style, rowsOfAPage });
      const { pages } = await read(answer, { paging: pagingOf(style) });
      for (const [index, { next, number }] of pages.entries()) {
        if (next === undefined) continue;
        const rest = await read(answer, { paging: pagingOf(style), from: { next, pages: number } });
        const shape = (page: (typeof pages)[number]) => [page.number, page.records, page.next];
        assert.deepEqual(rest.pages.map(shape), pages.slice(index + 1).map(shape));
      }
    }),
  );
});

for (const refusal of [new RequestRefusedError('cursor expired'), new StreamNotFoundError('no such row')]) {
  test(`a list whose old cursor meets a ${refusal.name} is read from its beginning`, async () => {
    const rows = rowsOf(5);
    const from = { next: { cursor: 'aged' }, pages: 7 };
    const { pages, requests } = await read(
      (_, query) => {
        if (query['cursor'] === 'aged') throw refusal;
        return pageOf(rows, query, { style: 'stray cursor', rowsOfAPage: 2 });
      },
      { from },
    );
    assert.deepEqual(recordsOf(pages), rows);
    assert.deepEqual(
      pages.map(({ number }) => number),
      [1, 2, 3],
    );
    assert.equal(requests.length, 4);
  });
}

test('a list whose old cursor meets any other error is not begun anew', async () => {
  let requests = 0;
  const answer = () => {
    requests++;
    throw new SourceUnavailableError('down');
  };
  await assert.rejects(read(answer, { from: { next: { cursor: 'c' }, pages: 1 } }), SourceUnavailableError);
  assert.equal(requests, 1);
});

test('a cursor that is refused in the middle of a list fails it', async () => {
  const answer: Answerer = (_, query) => {
    if ('cursor' in query) throw new RequestRefusedError('cursor expired');
    return pageOf(rowsOf(5), query, { style: 'stray cursor', rowsOfAPage: 2 });
  };
  await assert.rejects(read(answer), RequestRefusedError);
});

test('a list that is gone on with does not end at a page that does not say that it is the last', async () => {
  const from = (next: Record<string, string | number>) => ({ from: { next, pages: 1 } });
  const answer = () => ({ entries: rowsOf(1) });
  await assert.rejects(read(answer, from({ cursor: 'c' })), UnexpectedAnswerError);
  await assert.rejects(read(answer, from({ page: 2 })), UnexpectedAnswerError);
});

test('a list that points back is refused, after no more requests than it has pages; any other ends', async () => {
  const pointers = fc
    .integer({ min: 1, max: 8 })
    .chain((count) =>
      fc.array(fc.option(fc.nat({ max: count - 1 })), { minLength: count, maxLength: count }),
    );
  const outcomes = { ended: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(pointers, fc.constantFrom('cursor', 'page'), async (next, style) => {
      const seen = new Set<number>();
      let isLoop = false;
      for (let at: number | null = 0; at !== null && !isLoop; at = next[at] ?? null) {
        isLoop = seen.has(at);
        seen.add(at);
      }
      let requests = 0;
      const answer: Answerer = (_, query) => {
        assert.ok(++requests <= next.length + 1, 'it goes round and round');
        const to = next[Number(query['cursor'] ?? query['page'] ?? 1) - 1] ?? null;
        const entries = rowsOf(1);
        if (style === 'cursor')
          return { entries, has_more: to !== null, cursor: to === null ? 'stray' : `${to + 1}` };
        return { entries, page: to ?? 9, total_pages: to === null ? 0 : 9 };
      };
      if (isLoop) await assert.rejects(read(answer), PaginationLoopError);
      else await read(answer);
      outcomes[isLoop ? 'refused' : 'ended']++;
    }),
  );
  assert.ok(outcomes.ended > 10 && outcomes.refused > 10, JSON.stringify(outcomes));
});

for (const style of pagingStyles) {
  test(`a server that answers its first page whatever is asked is refused (${style})`, async () => {
    const answer: Answerer = () => pageOf(rowsOf(3), {}, { style, rowsOfAPage: 2 });
    await assert.rejects(read(answer, { paging: pagingOf(style) }), PaginationLoopError);
  });
}

test('the largest page is asked for, beside the filters, and none where a list has no pages', async () => {
  const query = { with_disabled: true };
  const answer = () => ({ entries: [] });
  assert.deepEqual((await read(answer, { query })).requests, [
    { path: '/plans', query: { with_disabled: true, per_page: 200 } },
  ]);
  assert.deepEqual((await read(answer, { query, paging: 'none' })).requests, [{ path: '/plans', query }]);
});

test('filters go along to every page', async () => {
  const answer: Answerer = (_, query) => pageOf(rowsOf(3), query, { style: 'page', rowsOfAPage: 1 });
  const { requests } = await read(answer, { query: { status: 'Active' } });
  assert.deepEqual(
    requests.map(({ query }) => query),
    [{}, { page: 2 }, { page: 3 }].map((page) => ({ status: 'Active', per_page: 200, ...page })),
  );
});

test('what the answer does not say of a record is added to each, and to nothing that is no record', async () => {
  const { pages } = await read(() => ({ entries: [{ uuid: 'a' }, 'b', null] }), {
    adds: { interval: 'day' },
  });
  assert.deepEqual(recordsOf(pages), [{ uuid: 'a', interval: 'day' }, 'b', null]);
});

test('an answer without a list is the record itself where the stream says so', async () => {
  const account = { id: 'acc_1', has_more: true };
  const { pages } = await read(() => account, { listKey: null, paging: 'none' });
  assert.deepEqual(
    pages.map(({ records, next }) => [records, next]),
    [[[account], undefined]],
  );
});

test('a record that the filter should have left out fails the list, before its page is given', async () => {
  const { client } = fakeSource((_, query) =>
    pageOf([{ uuid: 'a' }, { uuid: 'b' }], query, { style: 'page', rowsOfAPage: 1 }),
  );
  const isWithin = (record: unknown) => (record as JsonObject)['uuid'] === 'a';
  const pages = readList(client, { ...plans, isWithin }, {});
  assert.deepEqual((await pages.next()).value?.records, [{ uuid: 'a' }]);
  await assert.rejects(
    pages.next(),
    (error) => error instanceof FilterIgnoredError && error.message.includes('/plans, page 2'),
  );
});
