import { z } from 'zod';
import { withConnections } from '../../core/connections.ts';
import { EtlError } from '../../core/errors.ts';
import type { Settings } from '../../core/settings/config.ts';
import { storageTableOf, viewOf } from '../../core/stream-name.ts';
import { several } from '../../core/terminal/amounts.ts';
import { readSchemaVersions, type StoredSchema } from '../../operations/schemas/schema-versions.ts';
import { countRows, previewTable } from '../../operations/tables/table-rows.ts';
import { getTableSchema } from '../../operations/tables/table-schema.ts';
import { knownStreams } from '../../producers/chartmogul/known-streams.ts';
import { fitting } from '../limits.ts';
import { resultOutput, resultOf } from './query-result.ts';
import type { AddTools } from './tools.ts';

const table = z.string().min(1).max(200).describe('a table or view of the database, such as customers');

export const addTableTools: AddTools = (tools) => {
  const { settings, queries } = tools.context;
  const { database } = settings.clickhouse;
  tools.add(
    'list_tables',
    {
      title: 'List tables and views',
      description:
        'Lists the views and tables of the ClickHouse database. Read views: a view shows the latest live row of each key; a table also contains older versions and deletes.',
      input: {},
      output: {
        database: z.string(),
        tables: z.array(z.object({ name: z.string(), kind: z.enum(['view', 'table']), columns: z.number() })),
        isCut: z.boolean(),
      },
    },
    async (_, { signal }) => {
      const all = (await queries.tables(signal)).map(({ name, kind, columns }) => ({
        ...{ name, kind, columns: columns.length },
      }));
      const { items, isCut } = fitting(all);
      const cut = isCut ? `, of which ${items.length} are shown` : '';
      const empty = all.length === 0 ? ' Run `npm run produce`, then `npm run sink`.' : '';
      return {
        text: [
          `Tables and views of database ${database}: ${all.length}${cut}.${empty}`,
          ...items.map(({ name, kind, columns }) => `${kind} ${name}: ${several(columns, 'column')}`),
        ].join('\n'),
        data: { database, tables: [...items], isCut },
      };
    },
  );
  tools.add(
    'get_table_schema',
    {
      title: 'Get the columns of a table',
      description:
        'Returns the columns of a table or view: type, comment, and the Avro type of the field that fills the column, with the first schema version that has the field.',
      input: { table },
      hasValues: true,
      output: {
        name: z.string(),
        kind: z.enum(['view', 'table']),
        columns: z.array(
          z.object({
            name: z.string(),
            type: z.string(),
            comment: z.string(),
            isSystem: z.boolean(),
            field: z.string().nullable().describe('the Avro type of the field that fills the column'),
            sinceVersion: z.number().nullable(),
          }),
        ),
        isCut: z.boolean(),
      },
    },
    async ({ table: name }, { signal }) => {
      const found = await getTableSchema(queries, name, await versionsFor(settings, name, signal), signal);
      const all = found.columns.map((column) => ({
        name: column.name,
        type: column.type,
        comment: column.comment,
        isSystem: column.isSystem,
        field: column.origin?.type ?? null,
        sinceVersion: column.origin?.since ?? null,
      }));
      const { items, isCut } = fitting(all);
      const cut = isCut ? `, of which ${items.length} are shown` : '';
      const lines = items.map(({ name: column, type, comment }) =>
        [`${column} ${type}`, ...(comment === '' ? [] : [comment])].join(': '),
      );
      return {
        text: `${found.kind} ${found.name}, ${several(all.length, 'column')}${cut}.`,
        values: lines,
        data: { name: found.name, kind: found.kind, columns: [...items], isCut },
      };
    },
  );
  tools.add(
    'preview_table',
    {
      title: 'Preview a table',
      description:
        'Returns the newest rows of a table or view, or any rows if no column shows when they changed. Values are exact text, shortened if long.',
      input: { table, limit: z.number().int().min(1).max(200).default(20) },
      hasValues: true,
      output: resultOutput,
    },
    async ({ table: name, limit }, { signal }) =>
      // One extra row shows whether the table has more rows.
      resultOf(await previewTable(queries, database, name, { limit: limit + 1, signal }), limit),
  );
  tools.add(
    'count_rows',
    {
      title: 'Count rows',
      description: 'Returns the exact number of rows of a table or view.',
      input: { table },
      output: { table: z.string(), rows: z.string().describe('an integer, as text') },
    },
    async ({ table: name }, { signal }) => {
      const rows = (await countRows(queries, database, name, signal)).toString();
      return { text: `Row count of ${name}: ${rows}.`, data: { table: name, rows } };
    },
  );
};

/**
 * Returns the schema versions of the stream that fills a table; undefined if no stream does, or if
 * the schemas cannot be read.
 */
async function versionsFor(
  settings: Settings,
  table: string,
  signal: AbortSignal,
): Promise<readonly StoredSchema[] | undefined> {
  const stream = knownStreams(settings)
    .map(({ name }) => name)
    .find((name) => viewOf(name) === table || storageTableOf(name) === table);
  if (stream === undefined) return undefined;
  try {
    const role = { name: 'mcp', needs: ['registry'] } as const;
    return await withConnections(settings, role, signal, (services) => readSchemaVersions(services, stream));
  } catch (error) {
    // The columns can be listed without the registry.
    if (error instanceof EtlError && !signal.aborted) return undefined;
    throw error;
  }
}
