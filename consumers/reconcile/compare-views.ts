import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { literal, qualified } from '../../core/clickhouse.ts';
import { ServiceRefusedError } from '../../core/errors.ts';
import { readStreamColumns } from '../clickhouse/table-shape.ts';
import { streamsInViewsOf, viewStatements } from '../clickhouse/view.ts';
import type { ViewComparison } from './comparison.ts';
import { askAllRows, tried, type ReconcileServices } from './services.ts';

/** A sink at work changes what is compared between two looks: one that agrees is enough. */
const LOOKS = 3;
const LOOK_MS = 300;

/** What the views of a stream show against what they should: all rows, all columns, by count and sum of hashes. */
export async function compareViews(services: ReconcileServices, stream: string): Promise<ViewComparison[]> {
  let views = await lookAt(services, stream);
  for (let look = 1; look < LOOKS && views.some(({ problem }) => problem !== undefined); look++) {
    await delay(LOOK_MS, undefined, { signal: services.signal });
    views = await lookAt(services, stream);
  }
  return views;
}

async function lookAt(services: ReconcileServices, stream: string): Promise<ViewComparison[]> {
  const { clickhouse, settings, signal } = services;
  const { database } = settings.clickhouse;
  const tables = await tried(services, `columns of the tables of ${stream}`, () =>
    readStreamColumns(clickhouse, database, streamsInViewsOf(stream), signal),
  );
  const columns = tables.get(stream);
  if (columns === undefined) return [];
  const views: ViewComparison[] = [];
  for (const { name, sql } of viewStatements(settings.clickhouse, stream, columns, tables)) {
    const problem = await problemOf(services, stream, name, selectOf(sql));
    views.push({ view: name, problem });
  }
  return views;
}

/** The query behind `CREATE OR REPLACE VIEW … AS`. */
function selectOf(statement: string): string {
  return statement.slice(statement.indexOf(' AS SELECT ') + ' AS '.length);
}

interface Sum {
  readonly side: string;
  readonly rows: string;
  readonly hash: string;
}

async function problemOf(
  services: ReconcileServices,
  stream: string,
  view: string,
  wanted: string,
): Promise<string | undefined> {
  const { database } = services.settings.clickhouse;
  const doing = `view ${view}`;
  const name = qualified(database, view);
  const [found] = await askAllRows<{ engine: string }>(
    services,
    doing,
    `SELECT engine FROM system.tables WHERE database = ${literal(database)} AND name = ${literal(view)}`,
  );
  if (found === undefined) return 'is missing';
  if (found.engine !== 'View') return `is a table (${found.engine}): rename it`;
  try {
    const columnsOf = (query: string) =>
      askAllRows<{ name: string; type: string }>(services, doing, `DESCRIBE (${query})`);
    const [shownColumns, storedColumns] = [await columnsOf(`SELECT * FROM ${name}`), await columnsOf(wanted)];
    if (!isDeepStrictEqual(shownColumns, storedColumns))
      return `has other columns than its storage table: ${columnsText(shownColumns, storedColumns)}`;
    const sum = (side: string, from: string) =>
      // As a tuple: else a null would make the hash of its row null.
      `SELECT '${side}' AS side, toString(count()) AS rows, toString(sum(cityHash64(tuple(*)))) AS hash FROM ${from}`;
    const sums = await askAllRows<Sum>(
      services,
      doing,
      `${sum('view', name)} UNION ALL ${sum('table', `(${wanted})`)}`,
    );
    const of = (side: string) => sums.find((row) => row.side === side);
    const [shown, stored] = [of('view'), of('table')];
    if (shown?.rows !== stored?.rows)
      return `shows ${shown?.rows} rows, and its storage table has ${stored?.rows}`;
    return shown?.hash === stored?.hash ? undefined : 'shows other values than its storage table has';
  } catch (error) {
    if (!(error instanceof ServiceRefusedError)) throw error;
    return `cannot be read: ${error.message}; \`npm run reconcile -- --streams ${stream} --repair\` makes it again`;
  }
}

interface NamedType {
  readonly name: string;
  readonly type: string;
}

/** The first column in which the two differ. */
function columnsText(shown: readonly NamedType[], stored: readonly NamedType[]): string {
  const typeIn = (columns: readonly NamedType[], name: string) =>
    columns.find((column) => column.name === name)?.type ?? 'missing';
  const name = [...shown, ...stored]
    .map((column) => column.name)
    .find((column) => typeIn(shown, column) !== typeIn(stored, column));
  return name === undefined
    ? 'in another order'
    : `${name} is ${typeIn(shown, name)} in the view, and ${typeIn(stored, name)} in the table`;
}
