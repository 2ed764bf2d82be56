import { askRows, literal, type ClickHouseClient } from '../../core/clickhouse/client.ts';
import { nameIn, outlineOf } from './sql-outline.ts';

/** Whether a CHECK constraint speaks of deletes, so that it means those that it refuses. */
export async function speaksOfDeletes(
  client: ClickHouseClient,
  database: string,
  table: string,
  constraint: string,
  signal: AbortSignal,
): Promise<boolean> {
  const query = `SELECT create_table_query AS sql FROM system.tables WHERE database = ${literal(database)} AND name = ${literal(table)}`;
  const [made] = await askRows<{ sql: string }>(client, query, signal);
  return /\b_deleted\b/.test(checkOf(made?.sql ?? '', constraint));
}

/** The condition of a CHECK constraint, with quoted texts masked; empty if there is none. Pure. */
export function checkOf(createTableQuery: string, constraint: string): string {
  const outline = outlineOf(createTableQuery);
  for (const { index, 0: head, 1: shown = '' } of outline.matchAll(/[(,]\s*CONSTRAINT (`?\w+`?) CHECK /g)) {
    const nameAt = index + head.indexOf(shown, head.indexOf('CONSTRAINT ') + 'CONSTRAINT '.length);
    if (nameIn(createTableQuery.slice(nameAt, nameAt + shown.length)) !== constraint) continue;
    const rest = outline.slice(index + head.length);
    return rest.split(/, (?:CONSTRAINT|INDEX|PROJECTION) |\) ENGINE = /)[0] ?? '';
  }
  return '';
}
