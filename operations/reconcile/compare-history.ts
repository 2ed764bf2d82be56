import { setTimeout as delay } from 'node:timers/promises';
import { isByPosition, keyPartsSql, keyTextSql } from '../../consumers/table/key-sql.ts';
import { localTableOf } from '../../consumers/table/table-ddl.ts';
import { readTableShape, withoutSystemColumns } from '../../consumers/table/table-shape.ts';
import { qualified, quoted } from '../../core/clickhouse/client.ts';
import type { Connections } from '../../core/connections.ts';
import { historyTableOf, historyViewOf, storageTableOf } from '../../core/stream-name.ts';
import { several } from '../../core/terminal/amounts.ts';
import { shownKey } from '../../core/terminal/terminal.ts';

/** A running sink changes the tables between two queries: see {@link compareHistory}. */
const ATTEMPTS = 3;
const RETRY_MS = 1_000;

/** Maximum number of differing keys in memory. A race causes fewer differences. */
const MAX_KEYS = 10_000;
const BUCKETS = 4_096;

/**
 * Compares the newest version of each record in the history with its row. A key counts only if it
 * differs in the same way in every attempt. Versions after the last row of their partition are
 * ignored, because the sink inserts into the history first.
 * @returns the difference as text for users; undefined if there is none, or if no history is kept.
 */
export async function compareHistory(
  { settings, database, signal }: Connections,
  stream: string,
  sortingKey: readonly string[],
): Promise<string | undefined> {
  if (settings.clickhouse.historyStreams?.includes(stream) !== true || isByPosition(sortingKey))
    return undefined;
  const names = { table: storageTableOf(stream), history: historyTableOf(stream) };
  const shape = (table: string) => readTableShape(database, localTableOf(table, settings.clickhouse));
  const [live, kept] = [await shape(names.table), await shape(names.history)];
  if (kept === undefined)
    return `HISTORY_STREAMS names ${stream}, but table ${names.history} does not exist: npm run sink creates it`;
  const fields = withoutSystemColumns(kept.columns).filter(({ name }) =>
    live?.columns.some((column) => column.name === name),
  );
  const [table, history] = [names.table, names.history].map((name) => qualified(database.name, name));
  const key = sortingKey.map(quoted).join(', ');
  const row = `cityHash64(tuple(_version, ${fields.map(({ name }) => quoted(name)).join(', ')}))`;
  const columns = `${keyPartsSql(sortingKey)} AS parts, ${keyTextSql(sortingKey)} AS text, ${row} AS hash, _partition, _offset`;
  const newest = `SELECT * FROM ${history} ORDER BY ${key}, _version DESC LIMIT 1 BY ${key}`;
  // The sums also differ if one side lacks the key.
  const both =
    `(SELECT ${columns}, 1 AS inTable FROM ${table} FINAL UNION ALL ` +
    `SELECT ${columns}, 0 AS inTable FROM (${newest}) WHERE NOT _deleted)`;
  const sums = '(sumIf(hash, inTable = 1) AS inRows) != (sumIf(hash, inTable = 0) AS inVersions)';
  const bucket = `cityHash64(parts) % ${BUCKETS}`;
  const differing = `SELECT ${bucket} FROM ${both} GROUP BY 1 HAVING ${sums}`;
  const ends = `SELECT _partition, max(_offset) AS end FROM ${table} GROUP BY _partition`;
  const query =
    `SELECT text, toString(inRows) AS rows, toString(inVersions) AS versions FROM ` +
    `(SELECT any(text) AS text, ${sums} AS differs, inRows, inVersions, argMax(_partition, _offset) AS partition, max(_offset) AS offset ` +
    `FROM ${both} WHERE ${bucket} IN (${differing}) GROUP BY parts) AS keys LEFT JOIN (${ends}) AS ends ON keys.partition = ends._partition ` +
    `WHERE differs AND (inVersions = 0 OR offset <= end) ORDER BY text LIMIT ${MAX_KEYS}`;
  let found: readonly Readonly<Record<'text' | 'rows' | 'versions', string>>[] = [];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (attempt > 0) await delay(RETRY_MS, undefined, { signal });
    const now = await database.allRows<(typeof found)[number]>(`history of ${stream}`, query);
    const before = new Set(found.map((one) => JSON.stringify(one)));
    found = attempt === 0 ? now : now.filter((one) => before.has(JSON.stringify(one)));
    if (found.length === 0) return undefined;
  }
  return (
    `in ${historyViewOf(stream)}, the newest version of ${several(found.length, 'record')} (first ${shownKey(found[0]?.text ?? '')}) does not match the row in the table: ` +
    `npm run replay -- --streams ${stream} adds the versions that the topic has`
  );
}
