import type { TestContext } from 'node:test';
import pg from 'pg';
import { postgresPrograms, startPostgres as start } from '../../benchmarks/own-postgres.ts';

/** The reason why tests with PostgreSQL are skipped; false if they can run. */
export const noPostgres =
  postgresPrograms() === undefined && 'PostgreSQL is not installed: apt-get install postgresql';

/** Starts a PostgreSQL server that stops after the test, and returns its address. */
export async function startPostgres(t: TestContext, settings: readonly string[] = []): Promise<URL> {
  const server = await start(['fsync=off', ...settings]);
  if (server === undefined) throw new Error(String(noPostgres));
  t.after(server.stop);
  return new URL(server.url);
}

/** Returns the rows of a query, with 64-bit integers and decimals as strings. */
export async function rowsIn(url: URL, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url.href, options: '-c TimeZone=UTC' });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}
