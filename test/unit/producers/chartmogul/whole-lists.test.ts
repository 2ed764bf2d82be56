import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { JsonObject, JsonValue } from '../../../../core/json.ts';
import type { Query } from '../../../../producers/chartmogul/client.ts';
import { pageOf, recordsOf, uuidsOf, type Answerer, type Paging } from '../../../helpers/fake-source.ts';
import { readPages, specOf } from '../../../helpers/stream-reading.ts';

/** Returns whether a row passes the filters. A row without the filtered field does not pass. */
function isServed(row: JsonObject, query: Query): boolean {
  const day = Date.parse(String(row['date']));
  const bound = (name: string) => Date.parse(String(query[name]));
  return (
    (query['status'] === undefined || row['status'] === String(query['status']).replaceAll('_', ' ')) &&
    (query['data_source_uuid'] === undefined || row['data_source_uuid'] === query['data_source_uuid']) &&
    (query['start-date'] === undefined || day >= bound('start-date')) &&
    (query['end-date'] === undefined || day < bound('end-date') + 86_400_000)
  );
}

const serverOf =
  (rows: readonly JsonObject[], paging: Paging): Answerer =>
  (path, query) =>
    path === '/data_sources'
      ? { data_sources: [{ uuid: 'ds_a' }, { uuid: 'ds_b' }] }
      : pageOf(
          rows.filter((row) => isServed(row, query)),
          query,
          paging,
        );

const usual: Readonly<Record<string, Readonly<Record<string, readonly JsonValue[]>>>> = {
  customers: { status: ['Active', 'Cancelled'] },
  invoices: { data_source_uuid: ['ds_a', 'ds_b'] },
  subscription_events: { data_source_uuid: ['ds_a', 'ds_b'] },
  activities: { date: ['2024-02-01T00:00:00+00:00', '2025-08-01T00:00:00+00:00'] },
};
/** Unusual values: new, spelled differently, of another type, out of range, null or absent. */
const strange: readonly (JsonValue | undefined)[] = [
  'Lead',
  'Dreaming',
  'active',
  'ds_gone',
  '',
  'soon',
  '0001-01-01T00:00:00Z',
  '2999-01-01T00:00:00Z',
  7,
  {},
  [],
  null,
  undefined,
];

for (const [stream, fields] of Object.entries(usual)) {
  const [field = '', values = []] = Object.entries(fields)[0] ?? [];
  const style = stream === 'activities' ? 'start-after' : 'stray cursor';

  test(`one run reads every record of ${stream} with any ${field} on any page`, async () => {
    const rows = fc
      .tuple(fc.nat({ max: 30 }), fc.array(fc.constantFrom(...values, ...strange), { maxLength: 30 }))
      .map(([count, drawn]) =>
        [...Array.from({ length: count }, (_, index) => values[index % values.length]), ...drawn].map(
          (value, index): JsonObject => ({
            uuid: `u${index}`,
            ...(value !== undefined && { [field]: value }),
          }),
        ),
      );
    await fc.assert(
      fc.asyncProperty(rows, fc.integer({ min: 1, max: 9 }), async (drawn, rowsOfAPage) => {
        const { pages } = await readPages(specOf(stream), serverOf(drawn, { style, rowsOfAPage }));
        assert.deepEqual(uuidsOf(recordsOf(pages)), uuidsOf(drawn));
      }),
    );
  });

  test(`a full page of usual records of ${stream} does not hide the unusual records after it`, async () => {
    const rows = [...Array.from({ length: 230 }, (_, index) => values[index % 2] ?? null), ...strange].map(
      (value, index): JsonObject => ({ uuid: `u${index}`, ...(value !== undefined && { [field]: value }) }),
    );
    const { pages } = await readPages(specOf(stream), serverOf(rows, { style, rowsOfAPage: 200 }));
    assert.equal(uuidsOf(recordsOf(pages)).length, rows.length);
  });
}
