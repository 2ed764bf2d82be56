import { isClickHouseCode } from '../../core/clickhouse/client.ts';
import { ServiceRefusedError } from '../../core/errors.ts';
import { storageTableOf } from '../../core/stream-name.ts';
import { mostSimilar } from '../../core/settings/choice.ts';

const UNKNOWN_TABLE = '60';
const UNKNOWN_DATABASE = '81';

/**
 * Returns an error that lists the existing tables, or explains how to create them, if the query
 * failed because our database or a table in it does not exist; otherwise undefined.
 * @param listTables returns the names of the views, then of the tables.
 */
export async function unknownTableError(
  error: unknown,
  database: string,
  listTables: () => Promise<readonly string[]>,
): Promise<ServiceRefusedError | undefined> {
  if (!(error instanceof ServiceRefusedError)) return undefined;
  const isDatabase = isClickHouseCode(error, UNKNOWN_DATABASE);
  if (!isDatabase && !isClickHouseCode(error, UNKNOWN_TABLE)) return undefined;
  const name = nameIn(error.cause);
  const isOurs = isDatabase ? name === undefined || name === database : !isOfOther(name, database);
  if (!isOurs) return undefined;
  const tables = isDatabase ? [] : await listTables();
  const fill = 'run `npm run produce`, then `npm run sink`';
  if (tables.length === 0)
    return refusal(`database ${database} (CLICKHOUSE_DATABASE) has no tables yet: ${fill}`, error);
  const table = name?.split('.').at(-1) ?? '';
  const nearest = mostSimilar(table, tables);
  const guess = nearest === undefined ? '' : ` Did you mean ${nearest}?`;
  const missing = table === '' ? 'the query names an unknown table.' : `there is no table or view ${table}.`;
  // A storage table with earlier versions and deletes is rarely the one that the user wants.
  const listed = tables.filter((known) => !tables.some((other) => storageTableOf(other) === known));
  return refusal(`${missing}${guess} Tables and views of ${database}: ${listed.join(', ')}`, error);
}

function refusal(message: string, cause: unknown): ServiceRefusedError {
  return new ServiceRefusedError(message, { cause });
}

/** Returns the name that the server's message quotes, such as `default.plan`. */
function nameIn(cause: unknown): string | undefined {
  const message = cause instanceof Error ? cause.message : '';
  const [, identifier, name = identifier] =
    /(?:Unknown table expression identifier '([^']{1,200})'|(?:Table|Database) (\S{1,200}) does(?:n't| not) exist)/.exec(
      message,
    ) ?? [];
  return name?.replaceAll('`', '');
}

function isOfOther(name: string | undefined, database: string): boolean {
  return name !== undefined && name.includes('.') && !name.startsWith(`${database}.`);
}
