import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SourceUnavailableError, StreamNotFoundError } from '../../core/errors.ts';
import type { JsonObject, JsonValue } from '../../core/json.ts';
import type { Query } from '../../producers/chartmogul/client.ts';
import { planSlices } from '../../producers/chartmogul/slices.ts';
import type { Page, SourceList } from '../../producers/chartmogul/source-list.ts';
import { fakeSource, type Answerer } from '../helpers/fake-source.ts';

const customers: SourceList = {
  id: '/customers',
  path: '/customers',
  query: { with_disabled: true },
  listKey: 'entries',
  paging: 'detect',
};
const pageOf = (...records: JsonValue[]): Page => ({
  list: customers,
  number: 1,
  records,
  next: { cursor: 'c' },
});
const statuses = [
  'New Lead',
  'Working Lead',
  'Qualified Lead',
  'Unqualified Lead',
  'Active',
  'Past Due',
  'Cancelled',
];
const dataSources = (...uuids: JsonValue[]): Answerer => {
  return (path) => {
    if (path !== '/data_sources') throw new StreamNotFoundError(path);
    return { data_sources: uuids.map((uuid) => ({ uuid })) };
  };
};

const plan = (slices: 'status' | 'data_source' | 'date', first: Page, answer = dataSources('ds_a', 'ds_b')) =>
  planSlices(fakeSource(answer).client, slices, first, {});

/** What ChartMogul would answer. */
function served(records: readonly JsonObject[], { status, data_source_uuid: source }: Query): JsonObject[] {
  return records.filter(
    (record) =>
      (status === undefined || record['status'] === String(status).replaceAll('_', ' ')) &&
      (source === undefined || record['data_source_uuid'] === source),
  );
}

const kinds = [
  ['status', 'status', statuses],
  ['data_source', 'data_source_uuid', ['ds_a', 'ds_b', 'ds_c']],
] as const;
for (const [slices, field, values] of kinds) {
  test(`slices by ${slices} have every record in one of them, and tell when the server does not filter`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...values), { maxLength: 50 }),
        fc.nat({ max: 10 }),
        async (drawn, rowsOfAPage) => {
          const records = drawn.map((value, index) => ({ uuid: index, [field]: value }));
          const first = pageOf(...records.slice(0, rowsOfAPage));
          const planned = await plan(slices, first, dataSources('ds_a', 'ds_b', 'ds_c'));
          assert.equal(planned?.length, values.length);
          const read = planned.flatMap(({ query, isWithin }) => {
            const mine = served(records, query);
            for (const record of records) assert.equal(isWithin?.(record), mine.includes(record));
            return mine;
          });
          assert.deepEqual(
            read.map(({ uuid }) => uuid).sort((a, b) => Number(a) - Number(b)),
            records.map(({ uuid }) => uuid),
          );
        },
      ),
    );
  });
}

test('a slice keeps the filters of its list, and is known by its own', async () => {
  const planned = await plan('status', pageOf());
  assert.deepEqual(
    [planned?.[0]?.id, planned?.[0]?.query],
    ['/customers?status=New_Lead', { with_disabled: true, status: 'New_Lead' }],
  );
  assert.equal(new Set(planned?.map(({ id }) => id)).size, statuses.length);
});

const first = (record: JsonValue) => pageOf({ status: 'Active', data_source_uuid: 'ds_a' }, record);
const wholes: readonly (readonly [string, 'status' | 'data_source', JsonValue])[] = [
  ['a status that nobody knows', 'status', { status: 'Lead' }],
  ['a status of null', 'status', { status: null }],
  ['a status as it stands in filters, but in small letters', 'status', { status: 'active' }],
  ['a data source that is not listed', 'data_source', { data_source_uuid: 'ds_gone' }],
  ['a data source of null', 'data_source', { data_source_uuid: null }],
];
for (const [what, slices, record] of wholes) {
  test(`a list whose first page has ${what} is read whole, since no slice would hold it`, async () => {
    assert.equal(await plan(slices, first(record)), undefined);
  });
}

for (const slices of ['status', 'data_source'] as const) {
  test(`records that do not say their ${slices}, and those that are none, do not keep a list from being sliced`, async () => {
    const planned = await plan(slices, pageOf({ uuid: 'a' }, 'text', null));
    assert.ok(planned !== undefined && planned.length > 1);
    for (const { isWithin } of planned)
      assert.deepEqual(
        [{ uuid: 'a' }, 'text', null].map((record) => isWithin?.(record)),
        [true, true, true],
      );
  });
}

test('a list with one data source, or none, is read whole', async () => {
  assert.equal(await plan('data_source', pageOf(), dataSources('ds_a')), undefined);
  assert.equal(await plan('data_source', pageOf(), dataSources()), undefined);
  assert.equal(await plan('data_source', pageOf(), dataSources('ds_a', 'ds_a', null, 7)), undefined);
});

test('the data sources are found where the stream of them is: under /sources too, on several pages', async () => {
  const { client, requests } = fakeSource((path, { page = 1 }) => {
    if (path !== '/sources') throw new StreamNotFoundError(path);
    return { entries: [{ uuid: `ds_${String(page)}` }], page, total_pages: 3 };
  });
  let counted = 0;
  const planned = await planSlices(client, 'data_source', pageOf(), { onRequest: () => counted++ });
  assert.deepEqual(
    planned?.map(({ query }) => query['data_source_uuid']),
    ['ds_1', 'ds_2', 'ds_3'],
  );
  assert.deepEqual([counted, requests.length], [4, 4]);
});

test('where nobody knows the data sources, the list is read whole', async () => {
  const nowhere = () => {
    throw new StreamNotFoundError('404');
  };
  assert.equal(await plan('data_source', pageOf(), nowhere), undefined);
});

test('data sources that cannot be read fail the list', async () => {
  const down = () => {
    throw new SourceUnavailableError('503');
  };
  await assert.rejects(plan('data_source', pageOf(), down), SourceUnavailableError);
});

test('activities are sliced by their dates', async () => {
  const planned = await plan('date', pageOf({ date: '2020-01-01T00:00:00Z' }));
  assert.ok(planned !== undefined && planned.length > 10);
  assert.deepEqual(planned[0]?.query, { with_disabled: true, 'end-date': '2020-07-02' });
});
