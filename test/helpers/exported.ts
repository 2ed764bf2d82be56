import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { createClickHouse, qualified, quoted } from '../../core/clickhouse/client.ts';
import type { Settings } from '../../core/settings/config.ts';
import { exportViews, type ExportOptions, type ExportReport } from '../../operations/export/export.ts';
import { openTarget } from '../../operations/export/targets/open-target.ts';
import { parseTarget } from '../../operations/export/targets/parse-target.ts';
import { noSignal } from './settings.ts';

/** Exports views as the command `export` does. */
export async function exportTo(
  settings: Settings,
  to: string,
  options: Partial<ExportOptions> = {},
  signal = noSignal,
): Promise<ExportReport> {
  const target = await openTarget(parseTarget(to), settings.exportTarget, signal);
  try {
    return await exportViews(settings, target, { streams: undefined, since: undefined, ...options }, signal);
  } finally {
    await target.close();
  }
}

/** Creates a folder that is removed after the test. */
export function exportFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'export-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * Returns the rows of a DuckDB query in a form that JSON can represent.
 * @param path the database file; by default, the database is in memory.
 */
export async function duckRows(sql: string, path = ':memory:'): Promise<readonly Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowObjectsJson();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Runs a statement in ClickHouse. */
export async function define({ clickhouse }: Settings, query: string): Promise<void> {
  const client = createClickHouse(clickhouse);
  await client.command({
    query,
    clickhouse_settings: {
      allow_suspicious_variant_types: 1,
      allow_suspicious_low_cardinality_types: 1,
      flatten_nested: 0,
    },
  });
  await client.close();
}

/**
 * Creates a storage table and its view as the sink does, and returns a function that inserts rows.
 */
export async function createStorageTable(
  settings: Settings,
  stream: string,
  columns: readonly string[],
  key = 'id',
): Promise<{ insert: (values: string, system?: SystemValues) => Promise<void> }> {
  const { database } = settings.clickhouse;
  const run = (query: string) => define(settings, query);
  const names = columns.map((column) => /^(`[^`]+`|\w+)/.exec(column)?.[0] ?? '');
  const table = qualified(database, `${stream}_raw`);
  const system = `_version UInt128, _deleted UInt8, _partition Int32, _offset Int64, _timestamp DateTime64(3, 'UTC'), _schema_id Int32, _topic_id UInt64`;
  await run(`CREATE DATABASE IF NOT EXISTS ${quoted(database)}`);
  await run(
    `CREATE TABLE ${table} (${[...columns, system].join(', ')}, _table_ab12 UInt8 EPHEMERAL) ENGINE = ReplacingMergeTree(_version, _deleted) ORDER BY ${key}`,
  );
  await run(
    `CREATE VIEW ${qualified(database, stream)} AS SELECT ${names.join(', ')}, _timestamp AS _changed_at FROM ${table} FINAL`,
  );
  let next = 0;
  return {
    insert: async (
      values,
      { isDeleted = false, partition = 0, offset = next++, time = '2026-01-01 00:00:00.000' } = {},
    ) =>
      run(
        `INSERT INTO ${table} (${names.join(', ')}, _version, _deleted, _partition, _offset, _timestamp, _schema_id, _topic_id) ` +
          `SELECT ${values}, ${offset + 1}, ${isDeleted ? 1 : 0}, ${partition}, ${offset}, '${time}', 1, 7`,
      ),
  };
}

interface SystemValues {
  readonly isDeleted?: boolean;
  readonly partition?: number;
  readonly offset?: number;
  readonly time?: string;
}
