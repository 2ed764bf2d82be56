import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { qualified } from '../../core/clickhouse/client.ts';
import { ServiceRefusedError } from '../../core/errors.ts';
import { readView, viewFault } from '../../consumers/view/found-view.ts';
import { atTime, takesTime } from '../../consumers/view/history-views.ts';
import { readExpectedViews, type View } from '../../consumers/view/view.ts';
import type { ViewComparison } from './comparison.ts';
import type { Connections } from '../../core/connections.ts';
import { several } from '../../core/terminal/amounts.ts';

/** A running sink changes the tables between two queries, so one matching attempt is enough. */
const ATTEMPTS = 3;
const RETRY_MS = 300;

/** Compares the views that a stream owns with its storage table, by columns, row count and hash. */
export async function compareViews(services: Connections, stream: string): Promise<ViewComparison[]> {
  let views = await compareOnce(services, stream);
  for (let attempt = 1; attempt < ATTEMPTS && views.some(({ problem }) => problem !== undefined); attempt++) {
    await delay(RETRY_MS, undefined, { signal: services.signal });
    views = await compareOnce(services, stream);
  }
  return views;
}

async function compareOnce(services: Connections, stream: string): Promise<ViewComparison[]> {
  const views: ViewComparison[] = [];
  for (const view of await readExpectedViews(services.database, stream))
    if (view.owner === stream)
      views.push({ view: view.name, problem: await problemOf(services, stream, view) });
  return views;
}

async function problemOf(services: Connections, stream: string, view: View): Promise<string | undefined> {
  const found = await readView(services.database, view.name);
  if (found === undefined) return 'is missing';
  const fault = viewFault(found, view);
  if (fault !== undefined && found.engine !== 'View') return fault;
  const difference = await differenceOf(services, stream, view);
  if (difference === undefined || fault === undefined) return difference;
  return `${difference}; it ${fault}; or --repair replaces it`;
}

/** A time at which history views show the newest version of every record. */
const END_OF_TIME = '2299-12-31';

async function differenceOf(
  { database }: Connections,
  stream: string,
  { name: viewName, select }: View,
): Promise<string | undefined> {
  const doing = `view ${viewName}`;
  const name = `${qualified(database.name, viewName)}${takesTime(select) ? `(at = '${END_OF_TIME}')` : ''}`;
  const expected = atTime(select, END_OF_TIME);
  try {
    const columnsOf = (query: string) => database.allRows<NamedType>(doing, `DESCRIBE (${query})`);
    const shownColumns = await columnsOf(`SELECT * FROM ${name}`);
    const storedColumns = await columnsOf(expected);
    if (!isDeepStrictEqual(shownColumns, storedColumns))
      return `has different columns from its storage table: ${columnsText(shownColumns, storedColumns)}`;
    const sum = (side: string, from: string) =>
      // Hashes a tuple, because the hash of a row with a null would be null.
      `SELECT '${side}' AS side, toString(count()) AS rows, toString(sum(cityHash64(tuple(*)))) AS hash FROM ${from}`;
    const query = `${sum('view', name)} UNION ALL ${sum('table', `(${expected})`)}`;
    const sums = await database.allRows<{ side: string; rows: string; hash: string }>(doing, query);
    const of = (side: string) => sums.find((row) => row.side === side);
    const [shown, stored] = [of('view'), of('table')];
    if (shown?.rows !== stored?.rows)
      return `shows ${several(Number(shown?.rows), 'row')}; its storage table has ${stored?.rows}`;
    return shown?.hash === stored?.hash ? undefined : 'shows different values from its storage table';
  } catch (error) {
    if (!(error instanceof ServiceRefusedError)) throw error;
    return `cannot be read: ${error.message}; \`npm run reconcile -- --streams ${stream} --repair\` recreates it`;
  }
}

type NamedType = Readonly<Record<'name' | 'type', string>>;

/** Names the first column that differs, or says that only the order does. */
function columnsText(shown: readonly NamedType[], stored: readonly NamedType[]): string {
  const typeIn = (columns: readonly NamedType[], name: string) =>
    columns.find((column) => column.name === name)?.type ?? 'missing';
  for (const { name } of [...shown, ...stored]) {
    const [inView, inTable] = [typeIn(shown, name), typeIn(stored, name)];
    if (inView !== inTable) return `${name} is ${inView} in the view and ${inTable} in the table`;
  }
  return 'in a different order';
}
