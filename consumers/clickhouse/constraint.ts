import { askRows, literal, type ClickHouseClient } from '../../core/clickhouse.ts';

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

function checkOf(createTableQuery: string, constraint: string): string {
  const [, rest = ''] = createTableQuery.split(new RegExp(`CONSTRAINT \`?${constraint}\`? CHECK `));
  return rest.split(/, (?:CONSTRAINT|INDEX|PROJECTION) |\) ENGINE = /)[0] ?? '';
}
