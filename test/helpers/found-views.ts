import assert from 'node:assert/strict';
import { type TestContext } from 'node:test';
import { literal, qualified } from '../../core/clickhouse/client.ts';
import { logger } from '../../core/logger.ts';
import type { Settings } from '../../core/settings/config.ts';
import { gatherStatus } from '../../operations/status/gather-status.ts';
import { noSignal } from './settings.ts';
import { rowsOf } from './table-rows.ts';

export const nameIn = (settings: Settings) => (name: string) => qualified(settings.clickhouse.database, name);

/** Returns the column names of a view or table, in order. */
export async function columnsOf(settings: Settings, name: string): Promise<unknown[]> {
  const rows = await rowsOf(
    settings,
    `SELECT name FROM system.columns WHERE database = currentDatabase() AND table = ${literal(name)} ORDER BY position`,
  );
  return rows.map((row) => row['name']);
}

/** Returns the warnings that status shows about views, as pairs of view and message. */
export async function viewWarnings(
  settings: Settings,
  ...streams: string[]
): Promise<(readonly [string, string])[]> {
  const { warnings, failures } = await gatherStatus(settings, streams, noSignal);
  assert.deepEqual(failures, []);
  return warnings.flatMap(({ about, message }) =>
    about.startsWith('view ') ? [[about.slice('view '.length), message] as const] : [],
  );
}

/** Returns a list that collects the message of every later `logger.warn`. */
export function warningsOf(t: TestContext): string[] {
  const messages: string[] = [];
  t.mock.method(logger, 'warn', (_: unknown, message?: string) => {
    messages.push(message ?? '');
  });
  return messages;
}
