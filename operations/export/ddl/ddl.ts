import { exportedTypeOf } from '../exported-type.ts';
import type { ExportableView } from '../exportable-views.ts';
import { warehouses, type DdlColumn, type Warehouse, type WarehouseName } from './warehouses.ts';

type DdlView = Pick<ExportableView, 'name' | 'columns'>;

/** Returns the statements that create a table per view and load the Parquet files of an export. */
export function ddlText(name: WarehouseName, views: readonly DdlView[]): string {
  const warehouse = warehouses[name];
  const statements = views.flatMap((view) => {
    const table = `${warehouse.quoted('chartmogul')}.${warehouse.quoted(view.name)}`;
    const columns = view.columns.map((column) => ({ ...column, type: exportedTypeOf(column.type) }));
    return [
      createTable(warehouse, table, columns),
      // A second load must not add the rows again.
      `TRUNCATE TABLE ${table}`,
      warehouse.load(table, `${view.name}.parquet`, columns),
      ...(name === 'redshift' ? columnComments(warehouse, table, columns) : []),
    ];
  });
  return [
    `-- Tables for ${name}, and statements that load the files of \`npm run export\`.`,
    '-- Replace BUCKET, PREFIX and, if there is one, INTEGRATION.',
    ...[...warehouse.preamble, ...statements].map((statement) => `${statement};`),
    '',
  ].join('\n');
}

function createTable(warehouse: Warehouse, table: string, columns: readonly DdlColumn[]): string {
  const list = columns.map(({ name, type, comment }) => {
    const about = comment === '' ? '' : warehouse.commentOf(comment);
    return `  ${warehouse.quoted(name)} ${warehouse.typeOf(type)}${about}`;
  });
  return `CREATE TABLE IF NOT EXISTS ${table} (\n${list.join(',\n')}\n)`;
}

function columnComments({ quoted }: Warehouse, table: string, columns: readonly DdlColumn[]): string[] {
  return columns
    .filter(({ comment }) => comment !== '')
    .map(
      ({ name, comment }) =>
        `COMMENT ON COLUMN ${table}.${quoted(name)} IS '${comment.replaceAll("'", "''")}'`,
    );
}
