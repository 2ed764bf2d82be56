import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StreamNotFoundError } from '../../../../core/errors.ts';
import type { JsonObject } from '../../../../core/json.ts';
import type { Query } from '../../../../producers/chartmogul/client.ts';
import type { Page } from '../../../../producers/chartmogul/source-list.ts';
import { isListed } from '../../../../producers/chartmogul/stream-reader.ts';
import {
  pageOf,
  pagingStyles,
  recordsOf,
  uuidsOf,
  type Answerer,
  type Paging,
  valuesOf,
} from '../../../helpers/fake-source.ts';
import { firstPages, readPages, slicesAfter, specOf } from '../../../helpers/stream-reading.ts';

const pageName = ({ list, number }: Page) => `${list.id}, page ${number}`;
const rowsOf = (count: number) =>
  Array.from({ length: count }, (_, index): JsonObject => ({ uuid: `u${index}` }));

for (const stream of ['customers', 'activities', 'plans']) {
  const spec = specOf(stream);
  const styles = pagingStyles.filter(
    (style) => (style === 'start-after') === (spec.paging === 'start-after'),
  );

  test(`the reader of ${stream} resumes after any page with exactly the remaining pages`, async () => {
    const pagings = fc.record({
      style: fc.constantFrom(...styles),
      rowsOfAPage: fc.integer({ min: 1, max: 7 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 30 }), pagings, async (count, paging) => {
        const answer: Answerer = (_, query) => pageOf(rowsOf(count), query, paging);
        const { pages, events } = await readPages(spec, answer);
        assert.deepEqual(recordsOf(pages), rowsOf(count));
        const recordsByName = new Map(pages.map((page) => [pageName(page), valuesOf(page)]));
        for (const at of pages.keys()) {
          const slices = slicesAfter(stream, firstPages(events, at + 1));
          for (const [id, slice] of slices) assert.ok(isListed(spec, id, slice), id);
          const rest = await readPages(spec, answer, { slices });
          assert.deepEqual(rest.pages.map(pageName), pages.slice(at + 1).map(pageName));
          for (const page of rest.pages) assert.deepEqual(valuesOf(page), recordsByName.get(pageName(page)));
          assert.equal(rest.requests.length, rest.pages.length);
        }
      }),
      { numRuns: 40 },
    );
  });
}

/** The stream, id, path and filters of a list in a checkpoint, and whether it is still read. */
const lists: readonly (readonly [string, string, string, Query, boolean])[] = [
  ['customers', '/customers', '/customers', {}, true],
  ['customers', '/customers?status=Active', '/customers', { status: 'Active' }, false],
  ['invoices', '/invoices', '/invoices', { validation_type: 'all', with_disabled: true }, true],
  // The stream had different filters when the list began.
  ['invoices', '/invoices', '/invoices', {}, false],
  ['invoices', '/invoices', '/invoices', { validation_type: 'valid', with_disabled: true }, false],
  [
    'invoices',
    '/invoices?data_source_uuid=ds_a',
    '/invoices',
    { validation_type: 'all', with_disabled: true, data_source_uuid: 'ds_a' },
    false,
  ],
  ['activities', '/activities', '/activities', {}, true],
  ['activities', '/activities?end-date=2025-01-02', '/activities', { 'end-date': '2025-01-02' }, false],
  ['data_sources', '/sources', '/sources', specOf('data_sources').query ?? {}, true],
  ['plans', '/an_address_of_before', '/an_address_of_before', {}, false],
  // The end date of a metric changes every day.
  [
    'metrics_mrr',
    '/metrics/mrr?interval=day',
    '/metrics/mrr',
    { interval: 'day', 'end-date': '2025-01-01' },
    true,
  ],
];
for (const [stream, id, path, query, isKnown] of lists) {
  test(`${id} with ${JSON.stringify(query)} ${isKnown ? 'is still a list' : 'is no longer a list'} of ${stream}`, () => {
    assert.equal(
      isListed(specOf(stream), id, { path, query, next: undefined, pages: 1, isDone: false }),
      isKnown,
    );
  });
}

test('the reader restarts a list when the address of the interrupted run is gone', async () => {
  const spec = specOf('data_sources');
  const paging: Paging = { style: 'stray cursor', rowsOfAPage: 2 };
  const serve: Answerer = (_, query) => pageOf(rowsOf(9), query, paging);
  const { events } = await readPages(spec, serve);
  const before = firstPages(events, 2);
  const rest = await readPages(
    spec,
    (path, query) => {
      if (path !== '/sources') throw new StreamNotFoundError('404');
      return serve(path, query);
    },
    { slices: slicesAfter('data_sources', before) },
  );
  assert.deepEqual(uuidsOf(recordsOf(rest.pages)), uuidsOf(rowsOf(9)));
  assert.deepEqual([...slicesAfter('data_sources', [...before, ...rest.events]).keys()], ['/sources']);
});
