import { createHash } from 'node:crypto';
import { literal, qualified, quoted } from '../../core/clickhouse/client.ts';
import type { Database } from '../../core/clickhouse/database.ts';
import type { ClickHouseSettings } from '../../core/settings/config.ts';
import { storageTableOf, viewOf } from '../../core/stream-name.ts';
import type { Column } from '../column/column-type.ts';
import { isAmbiguousName } from '../schema/ambiguous-name.ts';
import { onCluster } from './table-ddl.ts';

/** A view that is derived from the view of a stream. */
interface DerivedView {
  readonly name: string;
  readonly stream: string;
  /** The array whose items are the rows. Without one, the view is another name for the stream. */
  readonly items?: string;
  /** Columns of the stream that each row repeats, and their names in the view. */
  readonly parents?: Readonly<Record<string, string>>;
}

const invoiceParents = {
  uuid: 'invoice_uuid',
  customer_uuid: 'customer_uuid',
  currency: 'currency',
  date: 'invoice_date',
};

const derivedViews: readonly DerivedView[] = [
  { name: 'line_items', stream: 'invoices', items: 'line_items', parents: invoiceParents },
  { name: 'transactions', stream: 'invoices', items: 'transactions', parents: invoiceParents },
  { name: 'sources', stream: 'data_sources' },
  { name: 'subscriptions', stream: 'customer_subscriptions' },
];

/** A view and its statements. */
export interface ViewStatement {
  readonly name: string;
  readonly select: string;
  /** Creates the view unless the name is in use. */
  readonly create: string;
  /** Replaces a view that the sink created. */
  readonly replace: string;
}

/** Returns whether another stream has a derived view of this name. */
export function isDerivedView(name: string): boolean {
  return derivedViews.some((view) => view.name === name);
}

/**
 * Returns the streams whose storage tables, if they exist, the views of a stream depend on; the
 * stream itself first.
 */
export function streamsInViewsOf(stream: string): string[] {
  return [stream, ...derivedViews.filter((view) => view.stream === stream).map(({ name }) => name)];
}

/**
 * Returns the views of a stream. A source may have a stream with the name of a derived view
 * (`transactions`): if that stream has a storage table, the view shows this table.
 *
 * @param columns of the storage table, without system columns.
 * @param namesakes columns of the storage tables of streams that have the name of a derived view.
 */
export function viewStatements(
  target: Pick<ClickHouseSettings, 'database' | 'cluster'>,
  stream: string,
  columns: readonly Column[],
  namesakes: ReadonlyMap<string, readonly Column[]> = new Map(),
): ViewStatement[] {
  const derived = derivedViews
    .filter((view) => view.stream === stream)
    .map((view) => {
      const own = namesakes.get(view.name);
      return [
        view.name,
        own === undefined
          ? derivedSelect(target.database, view, columns)
          : latestSelect(target.database, view.name, own),
      ] as const;
    });
  return [[viewOf(stream), latestSelect(target.database, stream, columns)] as const, ...derived].map(
    ([name, select]) => {
      const rest = `${qualified(target.database, name)}${onCluster(target)} AS ${select} COMMENT ${literal(markOf(select))}`;
      return {
        name,
        select,
        create: `CREATE VIEW IF NOT EXISTS ${rest}`,
        replace: `CREATE OR REPLACE VIEW ${rest}`,
      };
    },
  );
}

/** The view or table that the server has under a view's name. */
export interface FoundView {
  readonly engine: string;
  readonly as_select: string;
  readonly comment: string;
}

/** Returns the view or table of this name; undefined if there is none. */
export async function readView(database: Database, name: string): Promise<FoundView | undefined> {
  const query = `SELECT engine, as_select, comment FROM system.tables WHERE database = ${literal(database.name)} AND name = ${literal(name)}`;
  const [found] = await database.rows<FoundView>(`view ${name}`, query);
  return found;
}

/** Returns why the sink does not replace a view; undefined if it does. */
export function viewFault(
  { engine, as_select: select, comment }: FoundView,
  view: ViewStatement,
): string | undefined {
  if (engine !== 'View') return `is a table (${engine}) with the name of a view of the sink: rename it`;
  return isOwn(select, comment, view)
    ? undefined
    : 'was created or changed by hand, so the sink does not replace it: rename or drop it, and the next start of the sink creates its own';
}

/** Returns whether the view is as the sink creates it now, mark included. */
export function shows({ engine, as_select: select, comment }: FoundView, view: ViewStatement): boolean {
  return engine === 'View' && plain(select) === plain(view.select) && comment === markOf(view.select);
}

/**
 * Returns whether the sink created the view and no one has changed it since. Its comment holds a
 * digest of its query. Views of earlier releases have no digest: they select all columns that the
 * table had at the time, which are the first of its present columns.
 */
function isOwn(select: string, comment: string, { name, select: wanted }: ViewStatement): boolean {
  const text = plain(select);
  const mark = /\[([0-9a-f]{16})\]$/.exec(comment)?.[1];
  if (mark !== undefined) return mark === digestOf(select);
  if (comment !== '') return false;
  const [have, now] = [listOf(text), listOf(plain(wanted))];
  if (have.from === now.from && have.columns.every((column, index) => column === now.columns[index]))
    return true;
  return isFormerDerived(text, name);
}

function listOf(select: string): { readonly columns: readonly string[]; readonly from: string } {
  const [, list = '', from = ''] = /^SELECT (.+?) FROM (.+)$/.exec(select) ?? [];
  return { columns: list.split(', '), from };
}

/**
 * Returns whether a view is derived as earlier schemas derived it: from another stream, or with
 * fewer members.
 */
function isFormerDerived(text: string, name: string): boolean {
  const view = derivedViews.find((derived) => derived.name === name);
  if (view === undefined) return false;
  const parent = `\\S+\\.${view.stream}`;
  const item = '(?:parent|item)\\.\\w+ AS \\w+';
  const form =
    view.items === undefined
      ? `SELECT \\* FROM ${parent}`
      : `SELECT ${item}(?:, ${item})* FROM ${parent} AS parent ARRAY JOIN ${view.items} AS item`;
  return new RegExp(`^${form}$`).test(text);
}

function markOf(select: string): string {
  return `Made by the sink, which replaces it as long as nobody changes it [${digestOf(select)}]`;
}

function digestOf(select: string): string {
  return createHash('sha256').update(plain(select)).digest('hex').slice(0, 16);
}

/** Removes the differences between our text of a query and the server's: quotes and spaces. */
function plain(select: string): string {
  return select.replaceAll('`', '').replace(/\s+/g, ' ').trim();
}

/** Returns the query for the latest live row of each key. */
function latestSelect(database: string, stream: string, columns: readonly Column[]): string {
  const names = columns.map(({ name }) =>
    isAmbiguousName(name) ? `stored.${quoted(name)} AS ${quoted(name)}` : quoted(name),
  );
  const alias = columns.some(({ name }) => isAmbiguousName(name)) ? ' AS stored' : '';
  const storage = qualified(database, storageTableOf(stream));
  return `SELECT ${names.join(', ')} FROM ${storage}${alias} FINAL`;
}

function derivedSelect(database: string, view: DerivedView, columns: readonly Column[]): string {
  const parent = qualified(database, viewOf(view.stream));
  const items = columns.find(({ name }) => name === view.items)?.type;
  if (items?.kind !== 'array' || items.item.kind !== 'tuple') return `SELECT * FROM ${parent}`;
  const members = items.item.members.map(({ name }) => name);
  const parents = Object.entries(view.parents ?? {}).filter(([, as]) => !members.includes(as));
  // Qualified on both sides: an alias would otherwise replace a column of the same name.
  const selected = [
    ...parents.map(([name, as]) => `parent.${quoted(name)} AS ${quoted(as)}`),
    ...members.map((name) => `item.${quoted(name)} AS ${quoted(name)}`),
  ];
  return `SELECT ${selected.join(', ')} FROM ${parent} AS parent ARRAY JOIN ${quoted(view.items ?? '')} AS item`;
}
