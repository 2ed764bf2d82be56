import { createHash } from 'node:crypto';
import { askRows, literal, qualified, quoted, type ClickHouseClient } from '../../core/clickhouse/client.ts';
import type { ClickHouseSettings } from '../../core/settings/config.ts';
import { storageTableOf, viewOf } from '../../core/stream-name.ts';
import type { Column } from '../column/column-type.ts';
import { onCluster } from './table-ddl.ts';

/** A view with a name of its own, made from a stream's. */
interface DerivedView {
  readonly name: string;
  readonly stream: string;
  /** The array whose items are its rows; without one the view is another name for the stream. */
  readonly items?: string;
  /** Columns of the stream that each item row carries, by their name there. */
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

/** A view, and the statements that make it. */
export interface ViewStatement {
  readonly name: string;
  /** The query behind it. */
  readonly select: string;
  /** Where there is none; never takes the place of anything. */
  readonly create: string;
  /** Where there is one of the sink's. */
  readonly replace: string;
}

/** Whether a stream of this name would take the place of a view that is made from another stream's table. */
export function isDerivedView(name: string): boolean {
  return derivedViews.some((view) => view.name === name);
}

/** The streams whose storage tables, where they exist, decide what the views of a stream are: its own first. */
export function streamsInViewsOf(stream: string): string[] {
  return [stream, ...derivedViews.filter((view) => view.stream === stream).map(({ name }) => name)];
}

/**
 * The statements that make the views of a stream. A source may list by itself what is else derived (`transactions`): a view is
 * made from the storage table of the stream of its own name where there is one, whichever stream's turn it is.
 *
 * @param columns the storage table's without the system columns.
 * @param namesakes the columns of the existing storage tables of streams that have a derived view's name.
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

/** What the server has under a view's name. */
export interface FoundView {
  readonly engine: string;
  readonly as_select: string;
  readonly comment: string;
}

/** What has the name of a view; undefined if nothing has. */
export async function readView(
  client: ClickHouseClient,
  database: string,
  name: string,
  signal: AbortSignal,
): Promise<FoundView | undefined> {
  const query = `SELECT engine, as_select, comment FROM system.tables WHERE database = ${literal(database)} AND name = ${literal(name)}`;
  const [found] = await askRows<FoundView>(client, query, signal);
  return found;
}

/** Why the sink does not make the view; undefined where it does. Pure. */
export function viewFault(
  { engine, as_select: select, comment }: FoundView,
  view: ViewStatement,
): string | undefined {
  if (engine !== 'View') return `is a table (${engine}) where the sink's view belongs: rename it`;
  return isOwn(select, comment, view)
    ? undefined
    : 'was made or changed by hand, and the sink leaves it as it is: rename or drop it, and the next start of the sink makes its own';
}

/** Whether it is the view as the sink makes it now, mark included. */
export function shows({ engine, as_select: select, comment }: FoundView, view: ViewStatement): boolean {
  return engine === 'View' && plain(select) === plain(view.select) && comment === markOf(view.select);
}

/**
 * Whether the sink made the view, and nobody has changed it since. Its comment holds a digest of its query; what versions without one
 * have made shows in its form: all columns that the table had at the time, which are the first of those that it has now.
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

/** A view that another stream's table was behind before the stream of its own name was sunk, or of fewer members. */
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

/** A query of ours as we write it and as the server prints it are the same but for quotes. */
function plain(select: string): string {
  return select.replaceAll('`', '').replace(/\s+/g, ' ').trim();
}

/** The latest live row of each key. */
function latestSelect(database: string, stream: string, columns: readonly Column[]): string {
  const names = columns.map(({ name }) =>
    constants.test(name) ? `stored.${quoted(name)} AS ${quoted(name)}` : quoted(name),
  );
  const alias = columns.some(({ name }) => constants.test(name)) ? ' AS stored' : '';
  const storage = qualified(database, storageTableOf(stream));
  return `SELECT ${names.join(', ')} FROM ${storage}${alias} FINAL`;
}

/** The server stores the text of a view without these names' quotes, and takes them for values when it has started again. */
const constants = /^(true|false|nan|inf|infinity)$/i;

function derivedSelect(database: string, view: DerivedView, columns: readonly Column[]): string {
  const parent = qualified(database, viewOf(view.stream));
  const items = columns.find(({ name }) => name === view.items)?.type;
  if (items?.kind !== 'array' || items.item.kind !== 'tuple') return `SELECT * FROM ${parent}`;
  const members = items.item.members.map(({ name }) => name);
  const parents = Object.entries(view.parents ?? {}).filter(([, as]) => !members.includes(as));
  // Qualified on both sides: an alias would otherwise stand in for a column of the same name.
  const selected = [
    ...parents.map(([name, as]) => `parent.${quoted(name)} AS ${quoted(as)}`),
    ...members.map((name) => `item.${quoted(name)} AS ${quoted(name)}`),
  ];
  return `SELECT ${selected.join(', ')} FROM ${parent} AS parent ARRAY JOIN ${quoted(view.items ?? '')} AS item`;
}
