import { isSystemColumnName } from '../../core/avro/schema.ts';
import { definition, literal, qualified, quoted } from '../../core/clickhouse/client.ts';
import type { Database } from '../../core/clickhouse/database.ts';
import { logger } from '../../core/logger.ts';
import { nameIn, outlineOf } from '../../consumers/table/sql-outline.ts';
import { identityIn } from '../../consumers/table/table-ddl.ts';

/**
 * Adds to the new table the columns that only the live one has: those that users added, and those
 * of fields that are no longer in any schema. Their values are lost, unless the server computes
 * them.
 */
export async function addForeignColumns(database: Database, live: string, shadow: string): Promise<void> {
  const columnsOf = (table: string) =>
    database.rows<Readonly<Record<'name' | 'type' | 'kind' | 'expression', string>>>(
      `columns of ${table}`,
      `SELECT name, type, default_kind AS kind, default_expression AS expression FROM system.columns ` +
        `WHERE database = ${literal(database.name)} AND table = ${literal(table)} ORDER BY position`,
    );
  const own = new Set((await columnsOf(shadow)).map(({ name }) => name));
  for (const { name, type, kind, expression } of await columnsOf(live)) {
    if (own.has(name) || isSystemColumnName(name) || identityIn(name, kind) !== undefined) continue;
    const value = kind === '' ? '' : ` ${kind} ${expression}`;
    const query = `ALTER TABLE ${qualified(database.name, shadow)} ADD COLUMN ${quoted(name)} ${type}${value}`;
    await database.command(`fill ${shadow}`, query, definition);
    if (kind === '' || kind === 'DEFAULT')
      logger.warn(
        { table: live, column: name },
        'no schema of the topic has this column: the column is kept, but its values are lost',
      );
  }
}

/** Warns about definitions of the live table that the new one will lack. */
export async function warnOfLostDefinitions(database: Database, live: string): Promise<void> {
  const query =
    `SELECT create_table_query AS sql FROM system.tables WHERE database = ${literal(database.name)} ` +
    `AND name = ${literal(live)}`;
  const [table] = await database.rows<{ sql: string }>(`table ${live}`, query);
  const lost = additionsIn(table?.sql ?? '');
  if (lost.length === 0) return;
  logger.warn({ table: live, lost }, 'the new table lacks these definitions: recreate them after the replay');
}

/** Returns what users have added to a table: constraints, indexes, projections and TTL. */
export function additionsIn(createTableQuery: string): string[] {
  const outline = outlineOf(createTableQuery);
  const [, columns = '', options = ''] = /^(.*?)\) ENGINE = (.*)$/s.exec(outline) ?? [];
  const named = [...columns.matchAll(/[(,]\s*(CONSTRAINT|INDEX|PROJECTION) (`?\w+`?)/g)]
    .map(({ index, 0: head, 1: kind = '', 2: name = '' }) => {
      const end = index + head.length;
      return `${kind} ${nameIn(createTableQuery.slice(end - name.length, end))}`;
    })
    .filter((addition) => !/^CONSTRAINT shape_\d+$/.test(addition));
  return [...named, ...(/\bTTL\b/.test(options) ? ['TTL'] : [])];
}
