import { askRows, literal, type ClickHouseClient } from '../../core/clickhouse/client.ts';

export interface ColumnDescription {
  readonly name: string;
  readonly type: string;
  readonly comment: string;
}

export interface TableDescription {
  readonly name: string;
  /** Readers use views. Tables also contain older versions and deletes. */
  readonly kind: 'view' | 'table';
  readonly columns: readonly ColumnDescription[];
}

interface DescribedRow extends Pick<TableDescription, 'name' | 'kind'> {
  readonly columns: readonly (readonly [name: string, type: string, comment: string])[];
}

/**
 * Returns the views of a database, then its tables, with their columns.
 * @throws the errors of the client
 */
export async function describeTables(
  client: ClickHouseClient,
  database: string,
  signal: AbortSignal,
): Promise<TableDescription[]> {
  const rows = await askRows<DescribedRow>(
    client,
    `SELECT tables.name AS name, if(endsWith(engine, 'View'), 'view', 'table') AS kind,
       arrayMap(column -> [column.2, column.3, column.4], arraySort(groupArray((position, columns.name, type, columns.comment)))) AS columns
     FROM system.tables AS tables
     LEFT JOIN system.columns AS columns ON columns.table = tables.name AND columns.database = tables.database
     WHERE tables.database = ${literal(database)} AND NOT is_temporary AND NOT startsWith(tables.name, '.')
     GROUP BY name, kind ORDER BY kind DESC, name`,
    signal,
  );
  return rows.map(({ name, kind, columns }) => ({
    name,
    kind,
    // A view with parameters has no columns until it is called.
    columns: columns
      .filter(([column]) => column !== '')
      .map(([column, type, comment]) => ({ name: column, type, comment })),
  }));
}

/** Returns the names of the views, then of the tables. @throws the errors of the client */
export async function tableNames(
  client: ClickHouseClient,
  database: string,
  signal: AbortSignal,
): Promise<string[]> {
  const rows = await askRows<{ readonly name: string }>(
    client,
    `SELECT name FROM system.tables WHERE database = ${literal(database)} AND NOT is_temporary AND NOT startsWith(name, '.')
     ORDER BY NOT endsWith(engine, 'View'), name`,
    signal,
  );
  return rows.map(({ name }) => name);
}
