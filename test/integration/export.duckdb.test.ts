import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { StoppedError, TargetFailedError } from '../../core/errors.ts';
import { exportViews } from '../../operations/export/export.ts';
import { DuckDbTarget } from '../../operations/export/targets/duckdb.ts';
import { WorkFolder } from '../../operations/export/targets/work-folder.ts';
import { createStorageTable, define, duckRows, exportFolder, exportTo } from '../helpers/exported.ts';
import { createSettings } from '../helpers/settings.ts';

test('DuckDB receives all rows, then changes and deletes, and all rows again for a new column', async (t) => {
  const settings = createSettings(t);
  const { database } = settings.clickhouse;
  const key = '(`group`, id)';
  const columns = ['`group` String', 'id Int64', 'name Nullable(String)'];
  const { insert } = await createStorageTable(settings, 'customers', columns, key);
  await insert("'g', 1, 'Ada'");
  await insert("'g', 2, 'Bo'");
  await insert("'h', 1, 'Cy'");
  const folder = exportFolder(t);
  // DuckDB names the database after its file, so the schema alone would be ambiguous.
  const path = join(folder, 'chartmogul.duckdb');
  const rows = (select = '*') =>
    duckRows(`SELECT ${select} FROM chartmogul.chartmogul.customers ORDER BY ALL`, path);
  await exportTo(settings, `duckdb:${path}`);
  assert.deepEqual(await rows('"group", id, name'), [
    { group: 'g', id: '1', name: 'Ada' },
    { group: 'g', id: '2', name: 'Bo' },
    { group: 'h', id: '1', name: 'Cy' },
  ]);

  await insert("'g', 1, 'Ada L.'");
  await insert("'h', 1, NULL", { isDeleted: true });
  await insert("'h', 2, NULL");
  const changes = await exportTo(settings, `duckdb:${path}`, { since: 'last' });
  assert.deepEqual(
    changes.manifest.views.map(({ mode }) => mode),
    ['changes'],
  );
  assert.deepEqual(await rows('"group", id, name'), [
    { group: 'g', id: '1', name: 'Ada L.' },
    { group: 'g', id: '2', name: 'Bo' },
    { group: 'h', id: '2', name: null },
  ]);

  await define(
    settings,
    `ALTER TABLE ${database}.customers_raw ADD COLUMN city Nullable(String) COMMENT 'Where it''s at'`,
  );
  await define(
    settings,
    `CREATE OR REPLACE VIEW ${database}.customers AS SELECT \`group\`, id, name, city, _timestamp AS _changed_at FROM ${database}.customers_raw FINAL`,
  );
  const full = await exportTo(settings, `duckdb:${path}`, { since: 'last' });
  assert.deepEqual(
    full.manifest.views.map(({ mode }) => mode),
    ['full'],
  );
  assert.deepEqual(await rows('city'), [{ city: null }, { city: null }, { city: null }]);
  assert.deepEqual(readdirSync(folder), ['chartmogul.duckdb']);
  const again = await exportTo(settings, `duckdb:${path}`, { since: 'last' });
  assert.deepEqual(again.unchanged, ['customers']);
});

test('an export writes a thousand rows of 100 kB to DuckDB', async (t) => {
  const settings = createSettings(t);
  const { database } = settings.clickhouse;
  await createStorageTable(settings, 'tasks', ['id Int64']);
  await define(
    settings,
    `CREATE OR REPLACE VIEW ${database}.tasks AS SELECT toInt64(number) AS id, concat(toString(id), repeat('x', 100000)) AS details, now64(3, 'UTC') AS _changed_at FROM numbers(1000)`,
  );
  const folder = exportFolder(t);
  const path = join(folder, 'a.duckdb');
  await exportTo(settings, `duckdb:${path}`);
  const sql =
    'SELECT count(DISTINCT details) AS texts, min(length(details)) AS shortest FROM chartmogul.tasks';
  assert.deepEqual(await duckRows(sql, path), [{ texts: '1000', shortest: '100001' }]);
  assert.deepEqual(readdirSync(folder), ['a.duckdb']);
});

test('DuckDB keeps the previous rows if an export fails', async (t) => {
  const settings = createSettings(t);
  const { database } = settings.clickhouse;
  const { insert } = await createStorageTable(settings, 'plans', ['id Int64']);
  await createStorageTable(settings, 'tasks', ['id Int64']);
  await insert('1');
  const path = join(exportFolder(t), 'a.duckdb');
  await exportTo(settings, `duckdb:${path}`);
  await insert('2');
  await define(
    settings,
    `CREATE OR REPLACE VIEW ${database}.tasks AS SELECT throwIf(1) AS id, toDateTime64(0, 3, 'UTC') AS _changed_at`,
  );
  await assert.rejects(exportTo(settings, `duckdb:${path}`), /tasks\.parquet/);
  assert.equal((await duckRows('SELECT * FROM chartmogul.plans', path)).length, 1);
});

test('DuckDB keeps the previous rows of all tables if one of them cannot be replaced', async (t) => {
  const settings = createSettings(t);
  const plans = await createStorageTable(settings, 'plans', ['id Int64']);
  const tasks = await createStorageTable(settings, 'tasks', ['id Int64']);
  await plans.insert('1');
  const path = join(exportFolder(t), 'a.duckdb');
  await exportTo(settings, `duckdb:${path}`);
  await duckRows('DROP TABLE chartmogul.tasks', path);
  await duckRows('CREATE VIEW chartmogul.tasks AS SELECT 7 AS id', path);
  await plans.insert('2');
  await tasks.insert('3');
  await assert.rejects(exportTo(settings, `duckdb:${path}`), /tasks/);
  assert.deepEqual(await duckRows('SELECT id FROM chartmogul.plans', path), [{ id: '1' }]);

  await duckRows('DROP VIEW chartmogul.tasks', path);
  await exportTo(settings, `duckdb:${path}`);
  assert.deepEqual(await duckRows('SELECT id FROM chartmogul.plans ORDER BY id', path), [
    { id: '1' },
    { id: '2' },
  ]);
  assert.deepEqual(await duckRows('SELECT id FROM chartmogul.tasks', path), [{ id: '3' }]);
});

test('DuckDB keeps the previous rows if the export is interrupted while it publishes', async (t) => {
  const settings = createSettings(t);
  const { insert } = await createStorageTable(settings, 'plans', ['id Int64']);
  await insert('1');
  const path = join(exportFolder(t), 'a.duckdb');
  await exportTo(settings, `duckdb:${path}`);
  await insert('2');
  const stop = new AbortController();
  const reason = new StoppedError('Ctrl-C');
  const target = await DuckDbTarget.open(path, stop.signal);
  const publish = target.publish.bind(target);
  target.publish = (manifest, earlier) => {
    stop.abort(reason);
    return publish(manifest, earlier);
  };
  const options = { streams: undefined, since: undefined };
  await assert.rejects(exportViews(settings, target, options, stop.signal), reason);
  await target.close();
  assert.deepEqual(await duckRows('SELECT id FROM chartmogul.plans', path), [{ id: '1' }]);
  assert.equal((await exportTo(settings, `duckdb:${path}`)).kept, 0);
  assert.equal((await duckRows('SELECT id FROM chartmogul.plans', path)).length, 2);
});

test('an export to DuckDB fails and does not create a file while another export uses the path', async (t) => {
  const settings = createSettings(t);
  const folder = exportFolder(t);
  const other = new WorkFolder(join(folder, 'a.duckdb.unfinished'));
  await other.claim();
  await assert.rejects(exportTo(settings, `duckdb:${folder}/a.duckdb`), /another export \(process \d+\)/);
  assert.deepEqual(readdirSync(folder), ['a.duckdb.unfinished']);
  await other.release();
  assert.deepEqual(readdirSync(folder), []);
});

test('an export to DuckDB reports a path that cannot be opened', async (t) => {
  const settings = createSettings(t);
  const folder = exportFolder(t);
  await assert.rejects(
    exportTo(settings, `duckdb:${folder}`),
    (error) => error instanceof TargetFailedError && error.message.includes(folder),
  );
  assert.ok(!existsSync(`${folder}.unfinished`));
});
