import { qualified, quoted } from '../../core/clickhouse.ts';
import type { ClickHouseSettings } from '../../core/config.ts';
import { storageTableOf, viewOf } from '../../core/stream-name.ts';
import type { Column } from './column-type.ts';
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

/** A view, and the statement that makes it. */
export interface ViewStatement {
  readonly name: string;
  readonly sql: string;
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
    ([name, select]) => ({
      name,
      sql: `CREATE OR REPLACE VIEW ${qualified(target.database, name)}${onCluster(target)} AS ${select}`,
    }),
  );
}

/** The latest live row of each key. */
function latestSelect(database: string, stream: string, columns: readonly Column[]): string {
  const names = columns.map(({ name }) => quoted(name)).join(', ');
  const storage = qualified(database, storageTableOf(stream));
  return `SELECT ${names} FROM ${storage} FINAL`;
}

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
