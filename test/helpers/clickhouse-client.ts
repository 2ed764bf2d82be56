import { createClient, type ClickHouseClient } from '@clickhouse/client';
import type { TestContext } from 'node:test';
import type { ClickHouseSettings } from '../../core/settings/config.ts';

/** Creates an official ClickHouse client that logs no errors. It is closed after the test. */
export function createTestClient(
  t: TestContext,
  url: string,
  options: Parameters<typeof createClient>[0] = {},
): ClickHouseClient {
  const client = createClient({ url, log: { level: 127 }, request_timeout: 60_000, ...options });
  t.after(() => client.close());
  return client;
}

/** Returns the settings' user and password in the form that the official client accepts. */
export function userOf({ credentials }: Pick<ClickHouseSettings, 'credentials'>) {
  return credentials && { username: credentials.username, password: credentials.password.reveal() };
}

export async function valuesOf<T>(client: ClickHouseClient, query: string): Promise<T[]> {
  return (await client.query({ query, format: 'JSONEachRow' })).json<T>();
}

export async function countOf(client: ClickHouseClient, table: string): Promise<number> {
  const [row] = await valuesOf<{ n: string | number }>(client, `SELECT count() AS n FROM ${table}`);
  return Number(row?.n);
}
