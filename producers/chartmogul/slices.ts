import { StreamNotFoundError } from '../../core/errors.ts';
import { isJsonObject, type JsonValue } from '../../core/json.ts';
import type { ChartMogulClient, RequestObserver } from './client.ts';
import { readList } from './list-reader.ts';
import { narrowed, sourceList, type Page, type SourceList } from './source-list.ts';
import { streams, type StreamSpec } from './streams.ts';
import { activityWindows } from './windows.ts';

/** As filters; in records the `_` are blanks (ChartMogul's own n8n node, against recordings of the API). */
const statuses = [
  'New_Lead',
  'Working_Lead',
  'Qualified_Lead',
  'Unqualified_Lead',
  'Active',
  'Past_Due',
  'Cancelled',
];

/**
 * The disjoint lists that make up a list of several pages, told from its first page; undefined where it has to be read whole,
 * since it has records that no slice would hold, or where there is but one slice.
 */
export async function planSlices(
  client: ChartMogulClient,
  slices: NonNullable<StreamSpec['slices']>,
  first: Page,
  observer: RequestObserver,
): Promise<readonly SourceList[] | undefined> {
  if (slices === 'date') return activityWindows(first);
  if (slices === 'status')
    return filtered(first, 'status', statuses, (status) => status.replaceAll(' ', '_'));
  const uuids = await dataSourceUuids(client, observer);
  return filtered(first, 'data_source_uuid', uuids, (uuid) => uuid);
}

/** One list for each value of a filter, if every record of the first page has one of them. */
function filtered(
  { list, records }: Page,
  field: string,
  values: readonly string[],
  asFilter: (value: string) => string,
): readonly SourceList[] | undefined {
  const isKnown = (record: JsonValue) => {
    const value = fieldOf(record, field);
    return value === undefined || (typeof value === 'string' && values.includes(asFilter(value)));
  };
  if (values.length < 2 || !records.every(isKnown)) return undefined;
  return values.map((wanted) =>
    narrowed(list, { [field]: wanted }, (record) => {
      const value = fieldOf(record, field);
      return typeof value !== 'string' || asFilter(value) === wanted;
    }),
  );
}

/** Undefined where the record does not have the field at all. */
function fieldOf(record: JsonValue, field: string): JsonValue | undefined {
  return isJsonObject(record) ? record[field] : undefined;
}

/** None where no address of the data sources is known. */
async function dataSourceUuids(client: ChartMogulClient, observer: RequestObserver): Promise<string[]> {
  const spec = streams.find(({ name }) => name === 'data_sources');
  if (spec === undefined) return [];
  for (const path of spec.paths) {
    const uuids = new Set<string>();
    try {
      for await (const { records } of readList(client, sourceList(spec, path), observer)) {
        for (const record of records) {
          const uuid = fieldOf(record, 'uuid');
          if (typeof uuid === 'string') uuids.add(uuid);
        }
      }
      return [...uuids];
    } catch (error) {
      if (!(error instanceof StreamNotFoundError)) throw error;
    }
  }
  return [];
}
