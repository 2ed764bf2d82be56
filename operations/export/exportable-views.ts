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
  /**
   * The streams whose rows the view shows. `--streams` also selects the view by the first of them.
   */
  readonly streams: readonly [string, ...string[]];
  /**
   * The columns that identify a row; undefined for a derived view, or if the view lacks a column of
   * the key.
   */
  readonly key: readonly string[] | undefined;
  readonly columns: readonly { readonly name: string; readonly type: string; readonly comment: string }[];
  /** The query of the view. */
  readonly query: string;
}

export function tablesOf({ streams }: Pick<ExportableView, 'streams'>): string[] {
  return streams.map(storageTableOf);
}

/** Returns the existing views that can be exported, sorted by name. */
export async function readExportableViews(database: Database): Promise<readonly ExportableView[]> {
  const streams = await listStorageTables(database);
  const derived = derivedViews.filter(({ name }) => !streams.includes(name));
  const found = await readViews(database, [...streams, ...derived.map(({ name }) => name)]);
  const views: ExportableView[] = [];
  for (const stream of streams) {
    const own = found.get(stream);
    if (own === undefined) continue;
    const key = await readKey(database, stream);
    views.push({
      ...own,
      name: stream,
      streams: [stream],
      key: hasAll(own.columns, key) ? key : undefined,
    });
  }
  for (const { name, streams: sources } of derived) {
    const own = found.get(name);
    const [first, ...others] = sources.filter((stream) => streams.includes(stream));
    if (own !== undefined && first !== undefined)
      views.push({ ...own, name, streams: [first, ...others], key: undefined });
  }
  return views.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Returns the views that the names select.
 * @param names names of views or streams. A stream selects the views whose first stream it is.
 *   Undefined selects all views.
 * @throws ConfigError for a name that selects nothing.
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

/**
 * Groups the views. Views that share a storage table, directly or through other views, are in one
 * group.
 */
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

async function readViews(
  database: Database,
  names: readonly string[],
): Promise<ReadonlyMap<string, Pick<ExportableView, 'columns' | 'query'>>> {
  if (names.length === 0) return new Map();
  const doing = `views of ${database.name}`;
  const listed = names.map(literal).join(', ');
  const views = await database.rows<Readonly<Record<'name' | 'query', string>>>(
    doing,
    `SELECT name, as_select AS query FROM system.tables ` +
      `WHERE database = ${literal(database.name)} AND name IN (${listed}) AND engine = 'View'`,
  );
  const rows = await database.rows<Readonly<Record<'table' | 'name' | 'type' | 'comment', string>>>(
    doing,
    `SELECT table, name, type, comment FROM system.columns ` +
      `WHERE database = ${literal(database.name)} AND table IN (${listed}) ORDER BY table, position`,
  );
  const columns = new Map<string, ViewColumns[number][]>();
  for (const { table, ...column } of rows) columns.set(table, [...(columns.get(table) ?? []), column]);
  return new Map(
    views.flatMap(({ name, query }) => {
      const own = columns.get(name);
      return own === undefined ? [] : [[name, { columns: own, query }] as const];
    }),
  );
}

async function readKey(database: Database, stream: string): Promise<readonly string[]> {
  const table = localTableOf(storageTableOf(stream), database.settings);
  return (await readTableShape(database, table))?.sortingKey ?? [];
}

/**
 * Returns whether the columns contain the key. Without a primary key, each message is a separate
 * row, and no view shows its position.
 */
function hasAll(columns: ViewColumns, key: readonly string[]): boolean {
  return (
    key.length > 0 &&
    key.every((part) => !isSystemColumnName(part) && columns.some(({ name }) => name === part))
  );
}
