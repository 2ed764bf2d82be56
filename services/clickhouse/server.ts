import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Credentials } from '../../core/settings/config.ts';
import { messageOf } from '../../core/errors.ts';
import { refuseForeign } from '../../core/http/foreign-request.ts';
import { logger } from '../../core/logger.ts';
import { confine, isPlainInsert, literalsOnly } from './confinement.ts';
import type { Engine, QueryCounts } from './engine.ts';
import { ClickHouseException } from './exception.ts';
import { isForm, withFields } from './form.ts';
import { readQueryRequest, type QueryRequest } from './query-request.ts';
import { openBody, wholeText } from './request-body.ts';
import { readSpooled, writeSpooled, type Spool } from './spool.ts';
import { parseStatement, type Statement } from './statement.ts';

interface Backend {
  readonly engine: Engine;
  readonly spool: Spool;
  /** The credentials that every request must carry. If undefined, any request is accepted. */
  readonly credentials: Credentials | undefined;
}

/**
 * Creates ClickHouse's HTTP interface. Inserted data and result rows pass through files, not
 * memory.
 */
export function createClickHouseServer(backend: Backend): Server {
  const server = createServer(
    { maxHeaderSize: 1024 * 1024, requestTimeout: 3_600_000 },
    (request, response) => {
      if (refuseForeign(request, response)) return;
      answer(backend, request, response).catch((error: unknown) => {
        // The response cannot be completed, usually because the client has disconnected.
        logger.debug({ reason: messageOf(error) }, 'response not delivered');
        response.destroy();
      });
    },
  );
  // Longer than @clickhouse/client keeps an idle socket, so that the server never closes first.
  server.keepAliveTimeout = 30_000;
  return server;
}

async function answer(backend: Backend, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  response.setHeader('X-ClickHouse-Server-Display-Name', 'local');
  response.setHeader('X-ClickHouse-Timezone', 'UTC');
  if (['/ping', '/replicas_status'].includes(url.pathname)) return void response.end('Ok.\n');
  if (url.pathname !== '/') return void response.writeHead(404).end(`Not found: ${url.pathname}\n`);
  if (request.method !== 'POST' && !url.searchParams.has('query')) return void response.end('Ok.\n');

  const hangUp = new AbortController();
  response.once('close', () => hangUp.abort());
  try {
    const given = readQueryRequest(request, url);
    response.setHeader('X-ClickHouse-Query-Id', given.id);
    authenticate(backend.credentials, given);
    const query = isForm(request)
      ? { ...readQueryRequest(request, await withFields(request, url)), id: given.id }
      : given;
    await runQuery(backend, query, request, response, hangUp.signal);
  } catch (error) {
    if (response.headersSent || hangUp.signal.aborted) throw error;
    sendException(response, ClickHouseException.from(error), backend.engine.version);
    // Many clients do not read the response before they have sent the body.
    request.resume();
  }
}

function authenticate(credentials: Credentials | undefined, { username, password }: QueryRequest): void {
  if (credentials === undefined) return;
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const isUser = timingSafeEqual(digest(username), digest(credentials.username));
  const isPassword = timingSafeEqual(digest(password), digest(credentials.password.reveal()));
  if (isUser && isPassword) return;
  const reason = 'Authentication failed: password is incorrect, or there is no user with such name.';
  throw new ClickHouseException(516, 'AUTHENTICATION_FAILED', `${username}: ${reason}`);
}

async function runQuery(
  { engine, spool }: Backend,
  query: QueryRequest,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const body = await openBody(request, query.query, signal);
  const statement = await readStatement();
  switch (statement.kind) {
    case 'insert':
      if (query.isReadOnly || !isPlainInsert(statement.head))
        await confine(engine, query.parsing, `${statement.head} SELECT 1`, query.isReadOnly);
      return spool.withFile(async (path) => {
        await writeSpooled(path, body.after(statement.dataAt), signal);
        const forced = statement.format.toUpperCase() === 'VALUES' ? await literalsOnly(path) : '';
        const counts = await engine.run([...query.preparation, statement.from(path, forced)]);
        response.setHeader('X-ClickHouse-Summary', summary(counts, counts));
        response.end();
      });
    case 'rows':
      await confine(engine, query.parsing, statement.sql, query.isReadOnly);
      return spool.withFile(async (path) => {
        const cancel = query.endsWithClient ? { id: query.id, signal } : undefined;
        const read = await engine.run([...query.preparation, statement.into(path)], undefined, cancel);
        response.setHeader('X-ClickHouse-Summary', summary(read));
        setFormat(response, statement.format);
        if (!query.wantsCompression) return pipeline(readSpooled(path), response, { signal });
        response.setHeader('Content-Encoding', 'gzip');
        return pipeline(readSpooled(path), createGzip({ level: 1 }), response, { signal });
      });
    case 'command': {
      await confine(engine, query.parsing, statement.sql, query.isReadOnly);
      const read = await engine.run([...query.preparation, statement.sql], query.defaultFormat);
      response.setHeader('X-ClickHouse-Summary', summary(read));
      setFormat(response, query.defaultFormat);
      response.end(read.output);
    }
  }

  /** Reads a statement. The head identifies an INSERT; any other query is the entire request. */
  async function readStatement(): Promise<Statement> {
    const head = parseStatement(body.head.toString('latin1'), query.defaultFormat);
    return head.kind === 'insert' ? head : parseStatement(await wholeText(body), query.defaultFormat);
  }
}

function sendException(response: ServerResponse, exception: ClickHouseException, version: string): void {
  response.setHeader('X-ClickHouse-Exception-Code', String(exception.exceptionCode));
  response.setHeader('Content-Type', 'text/plain; charset=UTF-8');
  response.writeHead(exception.status).end(exception.body(version));
}

function setFormat(response: ServerResponse, format: string): void {
  response.setHeader('X-ClickHouse-Format', format);
  response.setHeader('Content-Type', contentType(format));
}

/**
 * Returns the counts as strings, as the real server does, because JSON parsers may round large
 * numbers.
 */
function summary(read: QueryCounts, written: QueryCounts = { rows: 0, bytes: 0 }): string {
  return JSON.stringify({
    read_rows: String(read.rows),
    read_bytes: String(read.bytes),
    written_rows: String(written.rows),
    written_bytes: String(written.bytes),
  });
}

/** Returns the Content-Type of a ClickHouse output format, as the real server names it. */
function contentType(format: string): string {
  const isBinary =
    /^(RowBinary|Native|Parquet|Arrow|ORC|Avro|Protobuf|MsgPack|CapnProto|BSON|Npy|RawBLOB)/i.test(format);
  if (isBinary) return 'application/octet-stream';
  if (/^JSON.*(EachRow|Lines)|^NDJSON/i.test(format)) return 'application/x-ndjson; charset=UTF-8';
  if (/^JSON/i.test(format)) return 'application/json; charset=UTF-8';
  const header = /WithNames/i.test(format) ? 'present' : 'absent';
  if (/^CSV/i.test(format)) return `text/csv; charset=UTF-8; header=${header}`;
  if (/^(TabSeparated|TSV)/i.test(format)) return 'text/tab-separated-values; charset=UTF-8';
  if (/^XML/i.test(format)) return 'application/xml; charset=UTF-8';
  return 'text/plain; charset=UTF-8';
}
