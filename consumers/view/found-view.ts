import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { literal, qualified, quoted } from '../../core/clickhouse/client.ts';
import type { Database } from '../../core/clickhouse/database.ts';
import { onCluster } from '../table/table-ddl.ts';
import { takesTime } from './history-views.ts';
import type { View } from './view.ts';

export interface TypedViewColumn {
  readonly name: string;
  readonly type: string;
  readonly comment: string;
}

/**
 * Returns the columns of a view, with types derived from the current columns of its tables; none
 * for a parameterized view.
 */
export async function describeView(database: Database, view: View): Promise<TypedViewColumn[]> {
  // The server computes the columns of a parameterized view for each query.
  if (takesTime(view.select)) return [];
  const described = await database.rows<{ name: string; type: string }>(
    `view ${view.name}`,
    `DESCRIBE TABLE (${view.select})`,
    // Prints types as system.columns does, with each Tuple on one line.
    { print_pretty_type_names: 0 },
  );
  const comments = new Map(view.columns.map(({ name, comment }) => [name, comment]));
  return described.map(({ name, type }) => ({ name, type, comment: comments.get(name) ?? '' }));
}

/** Returns the statement that replaces a view, or that creates it unless its name is in use. */
export function viewSql(
  { name: database, settings }: Pick<Database, 'name' | 'settings'>,
  view: View,
  columns: readonly TypedViewColumn[],
  replaces: boolean,
): string {
  const list = columns.map(
    ({ name, type, comment }) => `${quoted(name)} ${type} COMMENT ${literal(comment)}`,
  );
  const typed = list.length === 0 ? '' : `(${list.join(', ')}) `;
  return (
    `CREATE ${replaces ? 'OR REPLACE VIEW' : 'VIEW IF NOT EXISTS'} ${qualified(database, view.name)}${onCluster(settings)} ` +
    `${typed}AS ${view.select} COMMENT ${literal(markOf(view.select))}`
  );
}

/** The existing view or table that has the name of a view. */
export interface FoundView {
  readonly engine: string;
  readonly as_select: string;
  readonly comment: string;
  readonly columns: readonly TypedViewColumn[];
}

/** Returns the view or table of this name; undefined if there is none. */
export async function readView(database: Database, name: string): Promise<FoundView | undefined> {
  const where = `database = ${literal(database.name)}`;
  const query = `SELECT engine, as_select, comment FROM system.tables WHERE ${where} AND name = ${literal(name)}`;
  const [found] = await database.rows<Omit<FoundView, 'columns'>>(`view ${name}`, query);
  if (found === undefined) return undefined;
  const columns = await database.rows<TypedViewColumn>(
    `view ${name}`,
    `SELECT name, type, comment FROM system.columns WHERE ${where} AND table = ${literal(name)} ORDER BY position`,
  );
  return { ...found, columns };
}

/** Returns why the sink does not replace a view; undefined if it does. */
export function viewFault({ engine, as_select: select, comment }: FoundView, view: View): string | undefined {
  if (engine !== 'View') return `is a table (${engine}) whose name the sink uses for a view: rename it`;
  return isOwn(select, comment, view)
    ? undefined
    : 'was created or changed by hand, so the sink does not replace it: rename or drop it, and the next start of the sink creates its own';
}

/**
 * Returns whether the view is the one that the sink would create now: query, columns with types,
 * comments, mark.
 */
export function shows(found: FoundView, view: View, columns: readonly TypedViewColumn[]): boolean {
  const { engine, as_select: select, comment } = found;
  return (
    engine === 'View' &&
    plain(select) === plain(view.select) &&
    comment === markOf(view.select) &&
    isDeepStrictEqual(found.columns, columns)
  );
}

/**
 * Returns whether the sink created the view and no one has changed it since. Its comment contains a
 * digest of its query. Views from earlier releases have no digest: they select all columns that the
 * table had at the time, which are the first of its current columns.
 */
function isOwn(select: string, comment: string, { name, select: wanted }: View): boolean {
  const text = plain(select);
  const mark = /\[([0-9a-f]{16})\]$/.exec(comment)?.[1];
  if (mark !== undefined) return mark === digestOf(select);
  if (comment !== '') return false;
  const [have, now] = [listOf(text), listOf(plain(wanted))];
  if (have.from === now.from && have.columns.every((column, index) => column === now.columns[index]))
    return true;
  const form = formerDerived[name];
  return form !== undefined && new RegExp(`^${form}$`).test(text);
}

function listOf(select: string): { readonly columns: readonly string[]; readonly from: string } {
  const [, list = '', from = ''] = /^SELECT (.+?) FROM (.+)$/.exec(select) ?? [];
  return { columns: list.split(', '), from };
}

const item = '(?:parent|item)\\.\\w+ AS \\w+';
const itemsOf = (list: string) =>
  `SELECT ${item}(?:, ${item})* FROM \\S+\\.invoices AS parent ARRAY JOIN ${list} AS item`;
/** Patterns of the derived views' queries in releases before the digest was introduced. */
const formerDerived: Readonly<Record<string, string>> = {
  line_items: itemsOf('line_items'),
  transactions: itemsOf('transactions'),
  sources: 'SELECT \\* FROM \\S+\\.data_sources',
  subscriptions: 'SELECT \\* FROM \\S+\\.customer_subscriptions',
};

export function markOf(select: string): string {
  return `Created by the sink, which replaces it as long as its query is unchanged [${digestOf(select)}]`;
}

function digestOf(select: string): string {
  return createHash('sha256').update(plain(select)).digest('hex').slice(0, 16);
}

/**
 * Removes the differences between our text of a query and the server's: quotes, spaces, and
 * parentheses, which depend on the server version.
 */
function plain(select: string): string {
  return select.replace(/[`()]/g, '').replace(/\s+/g, ' ').trim();
}
