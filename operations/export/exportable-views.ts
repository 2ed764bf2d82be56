import { isSystemColumnName } from '../../core/avro/schema.ts';
import { literal } from '../../core/clickhouse/client.ts';
import type { Database } from '../../core/clickhouse/database.ts';
import { notOneOf } from '../../core/settings/setting-values.ts';
import { storageTableOf } from '../../core/stream-name.ts';
import { localTableOf } from '../../consumers/table/table-ddl.ts';
import { readTableShape } from '../../consumers/table/table-shape.ts';
import { derivedViews } from '../../consumers/view/definitions.ts';
import { listStorageTables } from '../status/table-facts.ts';

/** A view that an export can write. */
export interface ExportableView {
  readonly name: string;
  /** The streams whose rows it shows; `--streams` chooses it by the first. */
  readonly streams: readonly [string, ...string[]];
  /** The columns that identify a row; undefined for views that are not those of streams. */
  readonly key: readonly string[] | undefined;
  readonly columns: readonly { readonly name: string; readonly type: string; readonly comment: string }[];
}

export function tablesOf({ streams }: Pick<ExportableView, 'streams'>): string[] {
  return streams.map(storageTableOf);
}

/** Returns the views of the sink that exist, by name. */
export async function readExportableViews(database: Database): Promise<readonly ExportableView[]> {
  const streams = await listStorageTables(database);
  const derived = derivedViews.filter(({ name }) => !streams.includes(name));
  const columns = await readViewColumns(database, [...streams, ...derived.map(({ name }) => name)]);
  const views: ExportableView[] = [];
  for (const stream of streams) {
    const own = columns.get(stream);
    if (own === undefined) continue;
    const key = await readKey(database, stream);
    views.push({ name: stream, streams: [stream], key: hasAll(own, key) ? key : undefined, columns: own });
  }
  for (const { name, streams: sources } of derived) {
    const own = columns.get(name);
    const [first, ...others] = sources.filter((stream) => streams.includes(stream));
    if (own !== undefined && first !== undefined)
      views.push({ name, streams: [first, ...others], key: undefined, columns: own });
  }
  return views.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * @param names streams, which include the views over them, and views.
 * @throws ConfigError for a name that is neither.
 */
export function chooseViews(
  views: readonly ExportableView[],
  names: readonly string[] | undefined,
): readonly ExportableView[] {
  if (names === undefined) return views;
  const chosen = new Set<ExportableView>();
  for (const name of names) {
    const found = views.filter((view) => view.name === name || view.streams[0] === name);
    if (found.length === 0) {
      const known = new Set(views.flatMap((view) => [view.name, ...view.streams.slice(0, 1)]));
      throw notOneOf('--streams', name, [...known].sort());
    }
    found.forEach((view) => chosen.add(view));
  }
  return views.filter((view) => chosen.has(view));
}

/** Returns views in groups: views over the same storage table, directly or not, are in one group. */
export function groupViews(views: readonly ExportableView[]): readonly (readonly ExportableView[])[] {
  let groups: ExportableView[][] = [];
  for (const view of views) {
    const isRelated = (group: readonly ExportableView[]) =>
      group.some((other) => other.streams.some((stream) => view.streams.includes(stream)));
    const related = groups.filter(isRelated);
    groups = [...groups.filter((group) => !isRelated(group)), [...related.flat(), view]];
  }
  return groups;
}

type ViewColumns = ExportableView['columns'];

async function readViewColumns(
  database: Database,
  names: readonly string[],
): Promise<ReadonlyMap<string, ViewColumns>> {
  if (names.length === 0) return new Map();
  const own = `database = ${literal(database.name)}`;
  const rows = await database.rows<Readonly<Record<'table' | 'name' | 'type' | 'comment', string>>>(
    `views of ${database.name}`,
    `SELECT table, name, type, comment FROM system.columns WHERE ${own} AND table IN (${names.map(literal).join(', ')}) ` +
      `AND table IN (SELECT name FROM system.tables WHERE ${own} AND engine = 'View') ORDER BY table, position`,
  );
  const columns = new Map<string, ViewColumns[number][]>();
  for (const { table, ...column } of rows) columns.set(table, [...(columns.get(table) ?? []), column]);
  return columns;
}

async function readKey(database: Database, stream: string): Promise<readonly string[]> {
  const table = localTableOf(storageTableOf(stream), database.settings);
  return (await readTableShape(database, table))?.sortingKey ?? [];
}

/** Without a primary key, each message is a row of its own, and its position is in no view. */
function hasAll(columns: ViewColumns, key: readonly string[]): boolean {
  return (
    key.length > 0 &&
    key.every((part) => !isSystemColumnName(part) && columns.some(({ name }) => name === part))
  );
}
