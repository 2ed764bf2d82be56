import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  AuthenticationError,
  PaginationLoopError,
  RequestRefusedError,
  SourceUnavailableError,
  StreamNotFoundError,
  UnexpectedAnswerError,
  type EtlError,
} from '../../../../core/errors.ts';
import type { JsonObject } from '../../../../core/json.ts';
import { logger } from '../../../../core/logger.ts';
import { NO_CONTENT } from '../../../../producers/chartmogul/client.ts';
import { readList } from '../../../../producers/chartmogul/list-reader.ts';
import type { SourceList } from '../../../../producers/chartmogul/source-list.ts';
import {
  collect,
  fakeSource,
  pageOf,
  pagingStyles,
  recordsOf,
  type Answerer,
  valuesOf,
} from '../../../helpers/fake-source.ts';

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

test('the reader returns every record once and in order with any paging', async () => {
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

test('the reader resumes after any page with exactly the remaining pages', async () => {
  await fc.assert(
    fc.asyncProperty(listings, async ({ count, style, rowsOfAPage }) => {
      const rows = rowsOf(count);
      const answer: Answerer = (_, query) => pageOf(rows, query, { style, rowsOfAPage });
      const { pages } = await read(answer, { paging: pagingOf(style) });
      for (const [index, { next, number }] of pages.entries()) {
        if (next === undefined) continue;
        const rest = await read(answer, { paging: pagingOf(style), from: { next, pages: number } });
        const shape = (page: (typeof pages)[number]) => [page.number, valuesOf(page), page.next];
        assert.deepEqual(rest.pages.map(shape), pages.slice(index + 1).map(shape));
      }
    }),
  );
});

const spoilt: readonly (readonly [string, EtlError | JsonObject])[] = [
  ['is refused', new RequestRefusedError('cursor expired')],
  ['is not found', new StreamNotFoundError('no such row')],
  ['returns 500 on every attempt', new SourceUnavailableError('500')],
  ['returns no list', { error: 'x' }],
  ['returns JSON that is not an object', new UnexpectedAnswerError('not an object')],
  ['returns a page without the next cursor', { entries: [{ uuid: 'pl_4' }], has_more: true }],
  ['returns an empty page that promises more', { entries: [], has_more: true, cursor: 'c9' }],
  ['returns an empty last page', { entries: [], has_more: false }],
  ['returns itself as the next cursor', { entries: [{ uuid: 'pl_4' }], has_more: true, cursor: 'aged' }],
];
for (const [what, spoiltAnswer] of spoilt) {
  test(`the reader restarts a list whose saved cursor ${what}`, async () => {
    const rows = rowsOf(5);
    const from = { next: { cursor: 'aged' }, pages: 7 };
    const { pages, requests } = await read(
      (_, query) => {
        if (query['cursor'] !== 'aged') return pageOf(rows, query, { style: 'stray cursor', rowsOfAPage: 2 });
        if (spoiltAnswer instanceof Error) throw spoiltAnswer;
        return spoiltAnswer;
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

test('the reader restarts activities if the page after the saved activity is empty', async () => {
  for (const answer of [{ entries: [] }, { entries: [], has_more: true }, { entries: [], has_more: false }]) {
    const { pages } = await read(
      (_, query) =>
        query['start-after'] === 'gone'
          ? answer
          : pageOf(rowsOf(3), query, { style: 'start-after', rowsOfAPage: 2 }),
      { paging: 'start-after', from: { next: { 'start-after': 'gone' }, pages: 4 } },
    );
    assert.deepEqual(recordsOf(pages), rowsOf(3));
  }
});

test('a list with a saved cursor fails if the source is down', async () => {
  let requests = 0;
  const answer = () => {
    requests++;
    throw new SourceUnavailableError('down');
  };
  await assert.rejects(read(answer, { from: { next: { cursor: 'c' }, pages: 1 } }), SourceUnavailableError);
  assert.equal(requests, 2);
});

test('the reader does not restart a list when the key is rejected', async () => {
  let requests = 0;
  const answer = () => {
    requests++;
    throw new AuthenticationError('401');
  };
  await assert.rejects(read(answer, { from: { next: { cursor: 'c' }, pages: 1 } }), AuthenticationError);
  assert.equal(requests, 1);
});

test('a list fails if the cursor of a later page is rejected', async () => {
  const answer: Answerer = (_, query) => {
    if ('cursor' in query) throw new RequestRefusedError('cursor expired');
    return pageOf(rowsOf(5), query, { style: 'stray cursor', rowsOfAPage: 2 });
  };
  await assert.rejects(read(answer), RequestRefusedError);
});

test('the reader rejects a later page without the paging fields of the first page', async () => {
  for (const [first, ...later] of [
    [{ has_more: true, cursor: 'c' }, {}, { has_more: null }, { has_more: 'false' }, { cursor: 'd' }],
    [{ page: 1, total_pages: 3 }, {}, { page: 2 }, { total_pages: 3 }, { page: 1, total_pages: 3 }],
    [{ meta: { next_key: 'k' } }, {}, { meta: {} }, { meta: null }],
  ] satisfies JsonObject[][])
    for (const [index, rest] of later.entries()) {
      const answer: Answerer = (_, query) =>
        'cursor' in query || 'page' in query
          ? { entries: index % 2 === 0 ? [] : rowsOf(1), ...rest }
          : { entries: rowsOf(2), ...first };
      await assert.rejects(read(answer), UnexpectedAnswerError, JSON.stringify(rest));
    }
});

test('the reader rejects a loop of cursors after at most one extra request', async () => {
  const pointers = fc
    .integer({ min: 1, max: 8 })
    .chain((count) =>
      fc.array(fc.option(fc.nat({ max: count - 1 })), { minLength: count, maxLength: count }),
    );
  const outcomes = { ended: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(pointers, async (next) => {
      const seen = new Set<number>();
      let isLoop = false;
      for (let at: number | null = 0; at !== null && !isLoop; at = next[at] ?? null) {
        isLoop = seen.has(at);
        seen.add(at);
      }
      let requests = 0;
      const answer: Answerer = (_, query) => {
        assert.ok(++requests <= next.length + 1, 'the reader does not leave the loop');
        const at = Number(query['cursor'] ?? 1) - 1;
        const to = next[at] ?? null;
        return {
          entries: [{ uuid: at }],
          has_more: to !== null,
          cursor: to === null ? 'stray' : `${to + 1}`,
        };
      };
      if (isLoop) await assert.rejects(read(answer), PaginationLoopError);
      else await read(answer);
      outcomes[isLoop ? 'refused' : 'ended']++;
    }),
  );
  assert.ok(outcomes.ended > 10 && outcomes.refused > 10, JSON.stringify(outcomes));
});

test('the reader rejects endless new cursors for the same page or for empty pages', async () => {
  for (const entries of [rowsOf(2), []]) {
    let requests = 0;
    const answer = () => ({ entries: [...entries], has_more: true, cursor: `c${requests++}` });
    await assert.rejects(read(answer), PaginationLoopError);
    assert.ok(requests <= 102, `${requests} requests`);
  }
});

test('the reader follows the cursor of an empty page', async () => {
  const { pages } = await read((_, { cursor }) =>
    cursor === undefined
      ? { entries: [], has_more: true, cursor: 'c' }
      : { entries: rowsOf(1), has_more: false, cursor: 'd' },
  );
  assert.deepEqual(recordsOf(pages), rowsOf(1));
});

for (const style of pagingStyles) {
  test(`the reader rejects a server that always returns its first page (${style})`, async () => {
    const answer: Answerer = () => pageOf(rowsOf(3), {}, { style, rowsOfAPage: 2 });
    const error = style.endsWith('page') ? UnexpectedAnswerError : PaginationLoopError;
    await assert.rejects(read(answer, { paging: pagingOf(style) }), error);
  });
}

test('the reader requests the largest page size, except for a list without paging', async () => {
  const query = { with_disabled: true };
  const answer = () => ({ entries: [] });
  assert.deepEqual((await read(answer, { query })).requests, [
    { path: '/plans', query: { with_disabled: true, per_page: 200 } },
  ]);
  assert.deepEqual((await read(answer, { query, paging: 'none' })).requests, [{ path: '/plans', query }]);
});

test('the reader sends filters with every page', async () => {
  const answer: Answerer = (_, query) => pageOf(rowsOf(3), query, { style: 'page', rowsOfAPage: 1 });
  const { requests } = await read(answer, { query: { status: 'Active' } });
  assert.deepEqual(
    requests.map(({ query }) => query),
    [{}, { page: 2 }, { page: 3 }].map((page) => ({ status: 'Active', per_page: 200, ...page })),
  );
});

test('the reader adds missing fields to each record and keeps values that are not records', async () => {
  const { pages } = await read(() => ({ entries: [{ uuid: 'a' }, 'b', null] }), {
    adds: { interval: 'day' },
  });
  assert.deepEqual(recordsOf(pages), [{ uuid: 'a', interval: 'day' }, 'b', null]);
});

test('a response is the record itself if the stream has no list key', async () => {
  const account = { id: 'acc_1', has_more: true };
  const { pages } = await read(() => account, { listKey: null, paging: 'none' });
  assert.deepEqual(
    pages.map((page) => [valuesOf(page), page.next]),
    [[[account], undefined]],
  );
});

test('a list or single object with status 204 contains no records', async () => {
  for (const listKey of ['entries', null]) {
    const { pages } = await read(() => NO_CONTENT, { listKey });
    assert.deepEqual(recordsOf(pages), []);
  }
});

test('the reader rejects an empty response after a page that promises more', async () => {
  const first = { entries: rowsOf(2), has_more: true, cursor: 'c' };
  await assert.rejects(
    read((_, query) => ('cursor' in query ? NO_CONTENT : first)),
    { name: 'UnexpectedAnswerError', message: /\/plans, page 2 returned no content/ },
  );
});
