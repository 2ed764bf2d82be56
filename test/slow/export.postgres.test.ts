import assert from 'node:assert/strict';
import { test } from 'node:test';
import pg from 'pg';
import { StoppedError, TargetFailedError } from '../../core/errors.ts';
import { createStorageTable, define, exportTo } from '../helpers/exported.ts';
import { noPostgres, rowsIn, startPostgres } from '../helpers/own-postgres.ts';
import { createSettings } from '../helpers/settings.ts';
import { waitFor } from '../helpers/wait-for.ts';

const skip = noPostgres;

test(
  'an export to PostgreSQL writes all rows of a commented table, then changes and deletes',
  { skip },
  async (t) => {
    const settings = createSettings(t);
    const columns = ['`group` String', "id Int64 COMMENT 'It''s \\\\ the id'", 'name Nullable(String)'];
    const { insert } = await createStorageTable(settings, 'customers', columns, '(`group`, id)');
    await insert("'g', 1, 'Ada'");
    await insert("'g', 2, 'Bo'");
    await insert("'h', 1, 'Cy'");
    const url = await startPostgres(t);
    const rows = () => rowsIn(url, 'SELECT "group", id, name FROM chartmogul.customers ORDER BY 1, 2');
    await exportTo(settings, url.href);
    assert.equal((await rows()).length, 3);

    await insert("'g', 1, 'Ada L.'");
    await insert("'h', 1, NULL", { isDeleted: true });
    await insert("'h', 2, NULL");
    const { manifest } = await exportTo(settings, url.href, { since: 'last' });
    assert.deepEqual(
      manifest.views.map(({ mode }) => mode),
      ['changes'],
    );
    assert.deepEqual(await rows(), [
      { group: 'g', id: '1', name: 'Ada L.' },
      { group: 'g', id: '2', name: 'Bo' },
      { group: 'h', id: '2', name: null },
    ]);
    assert.deepEqual(
      await rowsIn(url, "SELECT 1 FROM pg_namespace WHERE nspname = 'chartmogul_staging'"),
      [],
    );
    const again = await exportTo(settings, url.href, { since: 'last' });
    assert.deepEqual(again.unchanged, ['customers']);
  },
);

test("an export that rewrites all rows in PostgreSQL keeps users' views", { skip }, async (t) => {
  const settings = createSettings(t);
  const { insert } = await createStorageTable(settings, 'plans', [
    'id Int64',
    "price Int64 COMMENT 'Cents.'",
  ]);
  await insert('1, 100');
  const url = await startPostgres(t);
  await exportTo(settings, url.href);
  await rowsIn(url, 'CREATE VIEW dear AS SELECT * FROM chartmogul.plans WHERE price > 50');
  await insert('2, 200');
  await exportTo(settings, url.href);
  assert.deepEqual(await rowsIn(url, 'SELECT id, price FROM dear ORDER BY id'), [
    { id: '1', price: '100' },
    { id: '2', price: '200' },
  ]);
  const { database } = settings.clickhouse;
  await define(
    settings,
    `CREATE OR REPLACE VIEW ${database}.plans AS SELECT id, 1 AS cost, _timestamp AS _changed_at FROM ${database}.plans_raw FINAL`,
  );
  await assert.rejects(
    exportTo(settings, url.href),
    (error) =>
      error instanceof TargetFailedError && /your views depend on the table: drop them/.test(error.message),
  );
  assert.equal((await rowsIn(url, 'SELECT * FROM dear')).length, 2);
});

test('a failed export to PostgreSQL publishes nothing and resumes', { skip }, async (t) => {
  const settings = createSettings(t);
  const { database } = settings.clickhouse;
  const first = await createStorageTable(settings, 'plans', ['id Int64']);
  const second = await createStorageTable(settings, 'tasks', ['id Int64']);
  await first.insert('1');
  await second.insert('1');
  const url = await startPostgres(t);
  const tasks = (id: string) =>
    define(
      settings,
      `CREATE OR REPLACE VIEW ${database}.tasks AS SELECT ${id} AS id, _timestamp AS _changed_at FROM ${database}.tasks_raw`,
    );
  await tasks('throwIf(id = 1)');
  await assert.rejects(exportTo(settings, url.href), /tasks/);
  assert.deepEqual(await rowsIn(url, "SELECT 1 FROM pg_namespace WHERE nspname = 'chartmogul'"), []);
  await tasks('throwIf(id = 2)');
  const { kept } = await exportTo(settings, url.href);
  assert.equal(kept, 1);
  assert.equal((await rowsIn(url, 'SELECT * FROM chartmogul.tasks')).length, 1);
});

test('an export that waits for a PostgreSQL reader ends immediately when stopped', { skip }, async (t) => {
  const settings = createSettings(t);
  const { insert } = await createStorageTable(settings, 'plans', ['id Int64']);
  await insert('1');
  const url = await startPostgres(t);
  await exportTo(settings, url.href);
  await insert('2');
  const reader = new pg.Client({ connectionString: url.href });
  await reader.connect();
  await reader.query('BEGIN');
  await reader.query('SELECT * FROM chartmogul.plans');
  const stop = new AbortController();
  const reason = new StoppedError('Ctrl-C');
  const exporting = exportTo(settings, url.href, {}, stop.signal);
  exporting.catch(() => undefined);
  const waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
  await waitFor('the export to wait', async () => (await rowsIn(url, waiting)).length > 0);
  stop.abort(reason);
  await assert.rejects(exporting, reason);
  await reader.query('COMMIT');
  await reader.end();
  const rows = () => rowsIn(url, 'SELECT id FROM chartmogul.plans ORDER BY id');
  assert.deepEqual(await rows(), [{ id: '1' }]);
  await waitFor('the server to end the export', async () => (await rowsIn(url, waiting)).length === 0);
  await exportTo(settings, url.href);
  assert.deepEqual(await rows(), [{ id: '1' }, { id: '2' }]);
});

test('names that PostgreSQL would truncate or reject are replaced by distinct names', { skip }, async (t) => {
  const settings = createSettings(t);
  const long = 'x'.repeat(62);
  const columns = ['id Int64', `\`${long}ü1\` String`, `\`${long}ü2\` String`, '`a"b; --` String'];
  const { insert } = await createStorageTable(settings, 'plans', columns);
  await insert("1, 'one', 'two', 'three'");
  const url = await startPostgres(t);
  await exportTo(settings, url.href);
  const [row] = await rowsIn(url, 'SELECT * FROM chartmogul.plans');
  assert.deepEqual(Object.values(row ?? {}).slice(1, 4), ['one', 'two', 'three']);
});

test(
  'export reports a busy, unavailable or refusing PostgreSQL in one line with a remedy',
  { skip },
  async (t) => {
    const settings = createSettings(t);
    const { insert } = await createStorageTable(settings, 'plans', ['id Int64']);
    await insert('1');
    const url = await startPostgres(t);
    const failure = (pattern: RegExp) => (error: unknown) =>
      error instanceof TargetFailedError && pattern.test(error.message) && !error.message.includes('\n');
    const changed = (change: (address: URL) => void) => {
      const address = new URL(url.href);
      change(address);
      return address.href;
    };
    await assert.rejects(
      exportTo(
        settings,
        changed((at) => (at.port = '1')),
      ),
      failure(/does not respond: .*check that the server is running/),
    );
    await assert.rejects(
      exportTo(
        settings,
        changed((at) => (at.pathname = '/nowhere')),
      ),
      failure(/3D000: .*create the database/),
    );
    await rowsIn(url, 'CREATE ROLE guest LOGIN');
    await assert.rejects(
      exportTo(
        settings,
        changed((at) => (at.username = 'guest')),
      ),
      failure(/42501: .*needs CREATE/),
    );
    const holder = rowsIn(
      url,
      "SELECT pg_advisory_lock(hashtext('chartmogul'), hashtext('export')), pg_sleep(20)",
    );
    holder.catch(() => undefined);
    t.after(() => holder.catch(() => undefined));
    let reported: unknown;
    while (reported === undefined)
      reported = await exportTo(settings, url.href).then(
        () => undefined,
        (error: unknown) => error,
      );
    assert.ok(failure(/another export/)(reported));
    await rowsIn(
      url,
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(20)%' AND pid <> pg_backend_pid()",
    );
  },
);

test(
  'export refuses PostgreSQL schemas and tables of another role without reading them',
  { skip },
  async (t) => {
    const settings = createSettings(t);
    const { insert } = await createStorageTable(settings, 'plans', ['id Int64']);
    await insert('1');
    const url = await startPostgres(t);
    await rowsIn(url, 'CREATE ROLE mallory LOGIN; GRANT CREATE ON DATABASE postgres TO mallory');
    const mallory = new URL(url.href);
    mallory.username = 'mallory';
    await rowsIn(
      mallory,
      `CREATE SCHEMA chartmogul; GRANT ALL ON SCHEMA chartmogul TO PUBLIC;
     CREATE FUNCTION chartmogul.f() RETURNS text LANGUAGE plpgsql AS
       $$BEGIN EXECUTE 'CREATE ROLE planted'; RETURN ''; END$$;
     CREATE VIEW chartmogul._export AS SELECT chartmogul.f() AS manifest;
     GRANT SELECT ON chartmogul._export TO PUBLIC`,
    );
    const refused = (pattern: RegExp) =>
      assert.rejects(
        exportTo(settings, url.href),
        (error) => error instanceof TargetFailedError && pattern.test(error.message),
      );
    await refused(
      /schema chartmogul of .* belongs to the role mallory: drop it, or ALTER SCHEMA chartmogul OWNER TO/,
    );
    // The schema now belongs to this user, but the view still belongs to mallory.
    await rowsIn(url, 'ALTER SCHEMA chartmogul OWNER TO owner');
    await refused(/chartmogul\."_export" in .* is not a table of this user: drop or rename it/);
    assert.deepEqual(await rowsIn(url, "SELECT 1 FROM pg_roles WHERE rolname = 'planted'"), []);

    await rowsIn(url, 'DROP VIEW chartmogul._export');
    await exportTo(settings, url.href);
    await rowsIn(url, 'ALTER TABLE chartmogul.plans OWNER TO mallory');
    await insert('2');
    await refused(/chartmogul\."plans" in .* is not a table of this user/);
  },
);
