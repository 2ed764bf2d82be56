import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { ConfigError } from '../../../core/errors.ts';
import { readQuestions } from '../../../operations/query/library.ts';
import { ReadOnlyQueries } from '../../../operations/query/read-only-queries.ts';
import type { SqlDownload, SqlNames, SqlQuestion, SqlResult } from '../../api/sql.ts';
import { sendError } from '../api-error.ts';
import type { Routes } from '../context.ts';
import { HeldDownloads } from '../held-downloads.ts';
import { endOf } from '../request-end.ts';

/** ClickHouse's format and the file extension for each download format. */
const formats: Readonly<Record<string, readonly [format: string, ending: string]>> = {
  csv: ['CSVWithNames', 'csv'],
  parquet: ['Parquet', 'parquet'],
  json: ['JSONEachRow', 'jsonl'],
};

const STALLED_MS = 60_000;

/** The maximum length of a function's description, in characters. */
const MAX_ABOUT = 160;

export const addSql: Routes = (app, { settings, signal, lanes }) => {
  const queries = new ReadOnlyQueries(settings.clickhouse);
  const downloads = new HeldDownloads();
  app.addHook('onClose', async () => {
    downloads.clear();
    await queries.close();
  });

  app.post<{ Body: unknown }>('/api/sql/run', async (request, reply): Promise<SqlResult> => {
    const sql = sqlOf(request.body);
    const end = endOf(reply, signal);
    return lanes.queries.run(end, () => queries.rows(sql, { signal: end }));
  });

  app.get('/api/sql/names', async (request, reply) => {
    const end = endOf(reply, signal);
    const [tables, vocabulary] = await Promise.all([queries.tables(end), queries.vocabulary(end)]);
    const functions = vocabulary.functions.map((one) => ({ ...one, about: one.about.slice(0, MAX_ABOUT) }));
    const names: SqlNames = { tables, functions, keywords: vocabulary.keywords };
    const json = JSON.stringify(names);
    void reply.type('application/json; charset=utf-8').header('vary', 'accept-encoding');
    // 1,800 functions with descriptions take 300 kB.
    if (!/\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) return json;
    void reply.header('content-encoding', 'gzip');
    return promisify(gzip)(json);
  });

  app.get('/api/sql/questions', (): readonly SqlQuestion[] => readQuestions());

  app.post<{ Body: unknown }>('/api/sql/downloads', async (request, reply): Promise<SqlDownload> => {
    const name = memberOf(request.body, 'format');
    const [format, ending] = formats[name] ?? [];
    if (format === undefined) throw new ConfigError('format must be csv, parquet or json');
    const sql = sqlOf(request.body);
    downloads.requireRoom();
    const end = endOf(reply, signal);
    const answer = await lanes.queries.run(end, () => queries.stream(sql, format, { signal: end }));
    const stamp = new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
    // A FORMAT in the SQL takes precedence.
    const fileName = `query-${stamp}.${answer.format === format ? ending : 'txt'}`;
    return { id: downloads.hold({ stream: answer.stream, fileName }), fileName };
  });

  app.get<{ Params: { id: string } }>(
    '/api/sql/downloads/:id',
    { exposeHeadRoute: false },
    (request, reply) => {
      const held = downloads.take(request.params.id);
      if (held === undefined)
        return sendError(reply, 404, 'the download has expired', 'start the download again');
      // A browser that does not read must not keep a connection to ClickHouse.
      reply.raw.setTimeout(STALLED_MS, () => reply.raw.destroy());
      return reply
        .type('application/octet-stream')
        .header('content-disposition', `attachment; filename="${held.fileName}"`)
        .send(held.stream);
    },
  );
};

function sqlOf(body: unknown): string {
  const sql = memberOf(body, 'sql');
  if (sql.trim() === '') throw new ConfigError('sql must contain a query; write one, such as SELECT 1');
  return sql;
}

/** Returns a string member of a JSON body; an empty string if it is missing or not a string. */
function memberOf(body: unknown, name: string): string {
  const members = typeof body === 'object' && body !== null ? new Map(Object.entries(body)) : new Map();
  const value: unknown = members.get(name);
  return typeof value === 'string' ? value : '';
}
