import { literal } from '../../core/clickhouse/client.ts';
import type { Database } from '../../core/clickhouse/database.ts';
import { nameIn, outlineOf } from './sql-outline.ts';

/** Returns whether a CHECK constraint mentions `_deleted`, and so rejects deletes on purpose. */
export async function mentionsDeletes(database: Database, table: string, name: string): Promise<boolean> {
  const [created] = await database.rows<{ sql: string }>(
    `constraints of ${table}`,
    `SELECT create_table_query AS sql FROM system.tables WHERE database = ${literal(database.name)} AND name = ${literal(table)}`,
  );
  return /\b_deleted\b/.test(checkOf(created?.sql ?? '', name));
}

/** Returns a CHECK constraint's condition with quoted strings masked; empty if there is none. */
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
