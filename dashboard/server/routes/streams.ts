import { withConnections } from '../../../core/connections.ts';
import { ConfigError, EtlError } from '../../../core/errors.ts';
import type { Settings } from '../../../core/settings/config.ts';
import { viewOf } from '../../../core/stream-name.ts';
import { ReadOnlyQueries } from '../../../operations/query/read-only-queries.ts';
import { compareSchemas, readSchemaVersions } from '../../../operations/schemas/schema-versions.ts';
import { streamIn } from '../../../operations/streams/get-stream.ts';
import { previewTable } from '../../../operations/tables/table-rows.ts';
import { getTableSchema } from '../../../operations/tables/table-schema.ts';
import type { SchemaComparison, SchemaList } from '../../api/schemas.ts';
import type { StreamAnswer } from '../../api/streams.ts';
import type { ColumnList, NewestRows } from '../../api/tables.ts';
import { problemLines } from '../live/problem-lines.ts';
import { endOf } from '../request-end.ts';
import { plain } from '../plain.ts';
import { SharedRead } from '../shared-read.ts';
import type { Routes } from '../context.ts';

interface Named {
  readonly Params: { readonly stream: string };
}

const NEWEST_ROWS = 50;
/** Equal to the pause of the live status. */
const SHARED_MS = 5_000;

export const addStreams: Routes = (app, { settings, signal, lanes, latestStatus, readStatus }) => {
  // A page that disconnects must not end the read of another page.
  const recent = new SharedRead(() => lanes.scans.run(signal, readStatus), SHARED_MS);
  app.get<Named>('/api/streams/:stream', async ({ params: { stream } }): Promise<StreamAnswer> => {
    const latest = latestStatus();
    const isKnown = latest?.streams.some((one) => one.stream === stream) === true;
    const found = streamIn(settings.topicPrefix, stream, isKnown ? latest : await recent.get());
    return { ...plain(found), attention: problemLines(found.attention) };
  });

  app.get<Named>(
    '/api/streams/:stream/schemas',
    async ({ params: { stream } }, reply): Promise<SchemaList> => {
      const versions = await versionsOf(settings, stream, endOf(reply, signal));
      // The texts of the schemas are omitted, because they may be long.
      return {
        versions: versions.map(({ version, id, type, fields, changes }) => ({
          version,
          id,
          type,
          fields,
          changes,
        })),
      };
    },
  );

  app.get<Named & { Querystring: { from?: unknown; to?: unknown } }>(
    '/api/streams/:stream/schemas/compare',
    async ({ params: { stream }, query: { from, to } }, reply): Promise<SchemaComparison> => {
      const needs = ['registry'] as const;
      return withConnections(settings, { name: 'show', needs }, endOf(reply, signal), async (services) => {
        const compared = await compareSchemas(services, stream, versionIn(from), versionIn(to));
        const lineOf = ({ version, id, type, fields, changes }: (typeof compared)['from']) => {
          return { version, id, type, fields, changes };
        };
        return { from: lineOf(compared.from), to: lineOf(compared.to), changes: compared.changes };
      });
    },
  );

  app.get<Named>(
    '/api/streams/:stream/columns',
    async ({ params: { stream } }, reply): Promise<ColumnList> => {
      const end = endOf(reply, signal);
      // Columns can be shown without the registry.
      const versions = await versionsOf(settings, stream, end).catch((error: unknown) => {
        if (error instanceof EtlError && !end.aborted) return undefined;
        throw error;
      });
      return lanes.queries.run(end, () =>
        withQueries(settings, (queries) => getTableSchema(queries, viewOf(stream), versions, end)),
      );
    },
  );

  app.get<Named>('/api/streams/:stream/rows', async ({ params: { stream } }, reply): Promise<NewestRows> => {
    const { database } = settings.clickhouse;
    const end = endOf(reply, signal);
    const options = { limit: NEWEST_ROWS, signal: end };
    return lanes.queries.run(end, () =>
      withQueries(settings, (queries) => previewTable(queries, database, viewOf(stream), options)),
    );
  });
};

function versionsOf(settings: Settings, stream: string, signal: AbortSignal) {
  return withConnections(settings, { name: 'show', needs: ['registry'] }, signal, (services) =>
    readSchemaVersions(services, stream),
  );
}

async function withQueries<T>(
  { clickhouse }: Settings,
  work: (queries: ReadOnlyQueries) => Promise<T>,
): Promise<T> {
  const queries = new ReadOnlyQueries(clickhouse);
  try {
    return await work(queries);
  } finally {
    await queries.close();
  }
}

function versionIn(text: unknown): number {
  if (typeof text !== 'string' || !/^\d{1,9}$/.test(text))
    throw new ConfigError('from and to must be versions of the schema, such as from=1&to=2');
  return Number(text);
}
