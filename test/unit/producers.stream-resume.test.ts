import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RequestRefusedError, StreamNotFoundError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Query } from '../../producers/chartmogul/client.ts';
import type { Page } from '../../producers/chartmogul/source-list.ts';
import {
  pageOf,
  pagingStyles,
  recordsOf,
  uuidsOf,
  type Answerer,
  type Paging,
} from '../helpers/fake-source.ts';
import { readPages, slicesAfter, specOf } from '../helpers/stream-reading.ts';

const DAY_MS = 86_400_000;

interface Account {
  readonly rows: readonly JsonObject[];
  readonly paging: Paging;
}

const statuses = [
  'New Lead',
  'Working Lead',
  'Qualified Lead',
  'Unqualified Lead',
  'Active',
  'Past Due',
  'Cancelled',
];
const dataSources = ['ds_a', 'ds_b', 'ds_c'];

/** In the order of their dates, as activities are; over some years, if there are many. */
const rowLists = fc
  .array(
    fc.record({
      status: fc.constantFrom(...statuses),
      data_source_uuid: fc.constantFrom(...dataSources),
      daysLater: fc.nat({ max: 100 }),
    }),
    { maxLength: 30 },
  )
  .map((drawn) => {
    let atMs = Date.parse('2021-03-05T12:00:00Z');
    return drawn.map(({ daysLater, ...fields }, index): JsonObject => {
      atMs += daysLater * DAY_MS;
      return { uuid: `u${index}`, ...fields, date: new Date(atMs).toISOString() };
    });
  });

function isServed(row: JsonObject, query: Query): boolean {
  const { status, data_source_uuid: source } = query;
  const day = String(row['date']).slice(0, 10);
  return (
    (status === undefined || row['status'] === String(status).replaceAll('_', ' ')) &&
    (source === undefined || row['data_source_uuid'] === source) &&
    day >= String(query['start-date'] ?? '') &&
    day <= String(query['end-date'] ?? '9')
  );
}

/** A server that filters, or that takes every filter and heeds none. */
const serverOf =
  ({ rows, paging }: Account, isFiltering: boolean): Answerer =>
  (path, query) => {
    if (path === '/data_sources') return { data_sources: dataSources.map((uuid) => ({ uuid })) };
    return pageOf(isFiltering ? rows.filter((row) => isServed(row, query)) : rows, query, paging);
  };

const pageName = ({ list, number }: Page) => `${list.id}, page ${number}`;
const namesOf = (pages: readonly Page[]) => pages.map(pageName).sort();
/** After each page that a run could have been interrupted at. */
const boundariesOf = (pages: readonly Page[]) => pages.map((_, index) => index + 1);

for (const stream of ['customers', 'invoices', 'activities', 'plans']) {
  const spec = specOf(stream);
  const styles = pagingStyles.filter(
    (style) => (style === 'start-after') === (spec.paging === 'start-after'),
  );
  const accounts: fc.Arbitrary<Account> = fc.record({
    rows: rowLists,
    paging: fc.record({ style: fc.constantFrom(...styles), rowsOfAPage: fc.integer({ min: 1, max: 7 }) }),
  });

  test(`all ${stream} are read, and in disjoint slices each but once`, async () => {
    let sliced = 0;
    await fc.assert(
      fc.asyncProperty(accounts, async (account) => {
        const { pages } = await readPages(spec, serverOf(account, true));
        assert.deepEqual(uuidsOf(recordsOf(pages)), uuidsOf(account.rows));
        if (pages[0]?.plan === undefined) {
          assert.deepEqual(recordsOf(pages), account.rows);
          return;
        }
        sliced++;
        const inSlices = recordsOf(pages.slice(1));
        assert.deepEqual(uuidsOf(inSlices), uuidsOf(account.rows));
        if (spec.slices !== 'date') assert.equal(inSlices.length, account.rows.length);
      }),
    );
    assert.equal(sliced > 20, spec.slices !== undefined, `${sliced} lists were sliced`);
  });

  test(`all ${stream} are read from a server that does not filter`, async () => {
    await fc.assert(
      fc.asyncProperty(accounts, async (account) => {
        const { pages } = await readPages(spec, serverOf(account, false));
        assert.deepEqual(uuidsOf(recordsOf(pages)), uuidsOf(account.rows));
      }),
    );
  });

  test(`interrupted after any page, the reading of ${stream} goes on with exactly the pages that are left`, async () => {
    await fc.assert(
      fc.asyncProperty(accounts, async (account) => {
        const answer = serverOf(account, true);
        const { pages } = await readPages(spec, answer);
        const recordsByName = new Map(pages.map((page) => [pageName(page), page.records]));
        for (const count of boundariesOf(pages)) {
          const rest = await readPages(spec, answer, { slices: slicesAfter(stream, pages.slice(0, count)) });
          assert.deepEqual(namesOf(rest.pages), namesOf(pages.slice(count)));
          for (const page of rest.pages) assert.deepEqual(page.records, recordsByName.get(pageName(page)));
          assert.equal(rest.requests.length, rest.pages.length);
        }
      }),
      { numRuns: 40 },
    );
  });

  test(`interrupted after any page, the reading of ${stream} loses nothing where the server does not filter`, async () => {
    await fc.assert(
      fc.asyncProperty(accounts, async (account) => {
        const answer = serverOf(account, false);
        const { pages } = await readPages(spec, answer);
        for (const count of boundariesOf(pages)) {
          const before = pages.slice(0, count);
          const rest = await readPages(spec, answer, { slices: slicesAfter(stream, before) });
          assert.deepEqual(uuidsOf(recordsOf([...before, ...rest.pages])), uuidsOf(account.rows));
          // Once the slices are given up, they are not gone on with either.
          const isGivenUp = before.some(({ list, number }) => list.id === spec.paths[0] && number > 1);
          if (isGivenUp) assert.deepEqual(namesOf(rest.pages), namesOf(pages.slice(count)));
        }
      }),
      { numRuns: 40 },
    );
  });
}

const rows = Array.from({ length: 9 }, (_, index) => ({
  uuid: `u${index}`,
  status: statuses[index % 2] ?? '',
  date: '2026-01-01',
}));
const paging: Paging = { style: 'stray cursor', rowsOfAPage: 2 };

for (const [name, error, stream, answer] of [
  [
    'whose filters are refused',
    new RequestRefusedError('400'),
    'customers',
    (query: Query) => query['status'] === undefined,
  ],
  [
    'whose address is gone',
    new StreamNotFoundError('404'),
    'data_sources',
    (_: Query, path: string) => path === '/sources',
  ],
] as const) {
  test(`the lists of an interrupted run ${name} are read anew, and the checkpoint forgets them`, async () => {
    const spec = specOf(stream);
    const list = spec.listKey ?? '';
    const serve = (query: Query): JsonObject => {
      const served = pageOf(
        rows.filter((row) => isServed(row, query)),
        query,
        paging,
      );
      return { ...served, [list]: served['entries'] ?? [] };
    };
    const { pages } = await readPages(spec, (_, query) => serve(query));
    const before = pages.slice(0, 2);
    const rest = await readPages(
      spec,
      (path, query) => {
        if (!answer(query, path)) throw error;
        return serve(query);
      },
      { slices: slicesAfter(stream, before), isWhole: true },
    );
    assert.deepEqual(uuidsOf(recordsOf(rest.pages)), uuidsOf(rows));
    assert.deepEqual(rest.pages[0]?.plan, []);
    const [id, ...others] = slicesAfter(stream, [...before, ...rest.pages]).keys();
    assert.deepEqual([id, others], [spec.paths.at(stream === 'customers' ? 0 : 1), []]);
  });
}
