import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Settings } from '../../core/settings/config.ts';
import { startSink } from './sink-bench.ts';
import { rowsOf } from './table-rows.ts';

/**
 * Starts a sink in this process.
 * @returns a function that stops it and asserts that no stream has failed.
 */
export function startGroupSink(t: TestContext, settings: Settings, streams: readonly string[]) {
  const { stop } = startSink(t, settings, streams);
  return async () => {
    for (const { failure } of await stop()) assert.equal(failure, undefined);
  };
}

/** Returns the number of rows; 0 if the query fails, as it does before the table exists. */
export const countOf = async (settings: Settings, table: string) => {
  const [row] = await rowsOf(settings, `SELECT count() AS n FROM ${table}`).catch(() => []);
  return Number(row?.['n'] ?? 0);
};
