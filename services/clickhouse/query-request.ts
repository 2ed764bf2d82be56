import type { IncomingMessage } from 'node:http';
import { randomUUID } from 'node:crypto';
import { ClickHouseException } from './exception.ts';

export interface QueryRequest {
  readonly id: string;
  /** The part of the query in the URL; the body contains the rest. */
  readonly query: string;
  readonly username: string;
  readonly password: string;
  readonly defaultFormat: string;
  readonly wantsCompression: boolean;
  /** Statements to run before the query, in its session. */
  readonly preparation: readonly string[];
  /** The preparation statements that affect parsing. */
  readonly parsing: readonly string[];
  readonly isReadOnly: boolean;
  /** Whether a query that only reads is cancelled when the client disconnects. */
  readonly endsWithClient: boolean;
}

/**
 * Parameters of the interface itself; every other parameter, except `param_…`, is a setting of the
 * query.
 */
const reserved = new Set(
  `query query_id database default_format user password role quota_key stacktrace session_id
  session_timeout session_check close_session wait_end_of_query buffer_size compress decompress
  client_protocol_version`.split(/\s+/),
);

export function readQueryRequest(request: IncomingMessage, url: URL): QueryRequest {
  const header = (name: string) => {
    const value = request.headers[name];
    return typeof value === 'string' ? value : undefined;
  };
  const given = url.searchParams;
  const basic = basicCredentials(header('authorization'));
  const settings = new Map([...given].filter(([name]) => !reserved.has(name) && !name.startsWith('param_')));
  const isReadOnly = request.method !== 'POST';
  const parameters = [...given].filter(([name]) => name.startsWith('param_'));
  const database = given.get('database') ?? header('x-clickhouse-database') ?? '';
  const parsingSettings = new Map([...settings].filter(([name]) => parsingSetting.test(name)));
  return {
    // An empty id would match every query without an id.
    id: given.get('query_id') || randomUUID(),
    query: given.get('query') ?? '',
    username: header('x-clickhouse-user') ?? basic?.username ?? given.get('user') ?? 'default',
    password: header('x-clickhouse-key') ?? basic?.password ?? given.get('password') ?? '',
    defaultFormat: given.get('default_format') ?? header('x-clickhouse-format') ?? 'TabSeparated',
    wantsCompression:
      isOn(given.get('enable_http_compression')) && /\bgzip\b/.test(header('accept-encoding') ?? ''),
    isReadOnly,
    endsWithClient: isOn(given.get('cancel_http_readonly_queries_on_client_close')),
    preparation: preparation(database, isReadOnly ? readingOnly(settings) : settings, parameters),
    parsing: preparation('', parsingSettings, parameters),
  };
}

const parsingSetting =
  /^(max_query_size|max_parser_|max_ast_|max_expanded_ast_|implicit_|allow_settings_after)/;

/**
 * Returns the settings of a request that is read-only because it is not a POST.
 * @throws ClickHouseException if the setting `readonly` is given and is neither 1 nor 2.
 */
function readingOnly(settings: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const message = 'A GET request is read-only, so its setting readonly must be 1 or 2.';
  if (!['1', '2'].includes(settings.get('readonly') ?? '1'))
    throw new ClickHouseException(164, 'READONLY', message);
  return new Map(settings).set('readonly', '1');
}

function preparation(
  database: string,
  settings: ReadonlyMap<string, string>,
  parameters: readonly (readonly [string, string])[],
): string[] {
  const assignments = [...settings, ...parameters].map(assignment).join(', ');
  return [
    ...(database === '' ? [] : [`USE \`${escaped(database, '`')}\``]),
    // Assignments may exceed the default `max_query_size`.
    ...(assignments.length < 100_000 ? [] : ['SET max_query_size = 1000000000']),
    ...(assignments === '' ? [] : [`SET ${assignments}`]),
  ];
}

function assignment([name, value]: readonly [string, string]): string {
  return `\`${escaped(name, '`')}\` = '${escaped(value, "'")}'`;
}

function escaped(text: string, quote: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll(quote, `\\${quote}`);
}

function isOn(value: string | null): boolean {
  return value !== null && value !== '' && value !== '0' && value !== 'false';
}

function basicCredentials(header: string | undefined): { username: string; password: string } | undefined {
  const encoded = /^Basic (\S+)$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const [username = '', ...password] = Buffer.from(encoded, 'base64').toString('utf8').split(':');
  return { username, password: password.join(':') };
}
