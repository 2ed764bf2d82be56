import type { ExportedView } from '../manifest.ts';
import { pgName } from './postgres-names.ts';

/** A statement, and the statements to run instead if objects of a user depend on a table. */
export interface PublishStep {
  readonly sql: string;
  readonly otherwise?: readonly string[];
}

/**
 * Returns the statements that publish a view's rows. A full export replaces the table or, if a
 * user's objects depend on it, only its rows. An export of changes replaces the changed rows.
 */
export function publishedSql({ name, mode, key, files, columns }: ExportedView): readonly PublishStep[] {
  const table = `chartmogul.${pgName(name)}`;
  const staged = (holds: string) => {
    const file = files.find((one) => one.holds === holds);
    return file && `chartmogul_staging.${pgName(file.name)}`;
  };
  const [rows, deletes] = [staged('rows'), staged('deletes')];
  if (rows === undefined) return [];
  const list = columns.map((column) => pgName(column.name)).join(', ');
  const insert = `INSERT INTO ${table} (${list}) SELECT ${list} FROM ${rows}`;
  if (mode === 'full')
    return [
      {
        sql: `DROP TABLE IF EXISTS ${table}`,
        otherwise: [`DELETE FROM ${table}`, insert, `DROP TABLE ${rows}`],
      },
      { sql: `ALTER TABLE IF EXISTS ${rows} SET SCHEMA chartmogul` },
    ];
  const same = (key ?? []).map((part) => `target.${pgName(part)} = source.${pgName(part)}`).join(' AND ');
  const remove = (source: string) => ({
    sql: `DELETE FROM ${table} AS target USING ${source} AS source WHERE ${same}`,
  });
  return [remove(rows), ...(deletes === undefined ? [] : [remove(deletes)]), { sql: insert }];
}
