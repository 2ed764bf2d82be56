import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { qualified } from '../../core/clickhouse/client.ts';
import {
  ConfigError,
  ServiceRefusedError,
  ServiceUnavailableError,
  TargetFailedError,
} from '../../core/errors.ts';
import type { Settings } from '../../core/settings/config.ts';
import { exportViews } from '../../operations/export/export.ts';
import { parseManifest, type Manifest } from '../../operations/export/manifest.ts';
import { FolderTarget } from '../../operations/export/targets/folder.ts';
import { createStorageTable, define, duckRows, exportFolder, exportTo } from '../helpers/exported.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';

/** Creates customers with a view of their tags, and plans. */
async function account(t: TestContext) {
  const settings = createSettings(t);
  const customers = await createStorageTable(settings, 'customers', ['id String', 'name Nullable(String)']);
  const plans = await createStorageTable(settings, 'plans', ['id String', 'price Int64']);
  await customers.insert("'a', 'Ada'");
  await customers.insert("'b', NULL");
  await plans.insert("'p', 100");
  const own = (name: string) => qualified(settings.clickhouse.database, name);
  await define(
    settings,
    `CREATE VIEW ${own('customer_tags')} AS SELECT id AS customer_uuid, 't' AS tag, _timestamp AS _changed_at FROM ${own('customers_raw')} FINAL`,
  );
  const folder = exportFolder(t);
  return { settings, customers, plans, folder, own };
}

function manifestIn(folder: string): Manifest {
  return parseManifest(readFileSync(join(folder, 'manifest.json'), 'utf8')) ?? assert.fail();
}

async function rowsOfFile(folder: string, file: string): Promise<readonly Record<string, unknown>[]> {
  return duckRows(`SELECT * EXCLUDE _changed_at FROM read_parquet('${join(folder, file)}') ORDER BY 1`);
}

test('an export writes a file per view and a manifest with their rows, bytes and digests', async (t) => {
  const { settings, folder } = await account(t);
  const { manifest } = await exportTo(settings, `parquet:${folder}`);
  assert.deepEqual(readdirSync(folder).sort(), [
    'customer_tags.parquet',
    'customers.parquet',
    'manifest.json',
    'plans.parquet',
  ]);
  assert.deepEqual(await rowsOfFile(folder, 'customers.parquet'), [
    { id: 'a', name: 'Ada' },
    { id: 'b', name: null },
  ]);
  const stored = manifestIn(folder);
  assert.deepEqual(stored, manifest);
  for (const { name, rows, bytes, sha256 } of stored.views.flatMap(({ files }) => files)) {
    const content = readFileSync(join(folder, name));
    assert.equal(bytes, content.length);
    assert.equal(sha256, createHash('sha256').update(content).digest('hex'));
    assert.equal(rows, name.startsWith('plans') ? 1 : 2);
    assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
  }
});

test('a CSV export quotes text, leaves null empty and writes nested values as JSON', async (t) => {
  const settings = createSettings(t);
  const { insert } = await createStorageTable(settings, 'nested', [
    'id String',
    'empty String',
    'none Nullable(String)',
    'list Array(Nullable(String))',
  ]);
  await insert(String.raw`'a"\nb', '', NULL, [NULL, 'x']`);
  await insert("'c', '', NULL, []");
  const folder = exportFolder(t);
  const { manifest } = await exportTo(settings, `csv:${folder}`);
  const csv = readFileSync(join(folder, 'nested.csv'), 'utf8');
  const [first, second] = [
    '"a""\nb","",,"[null,""x""]","2026-01-01 00:00:00.000"\n',
    '"c","",,"[]","2026-01-01 00:00:00.000"\n',
  ];
  const rows = csv.replace('"id","empty","none","list","_changed_at"\n', '');
  assert.ok([first + second, second + first].includes(rows), csv);
  assert.equal(manifest.views[0]?.files[0]?.rows, 2);
});

test('an export of changes has new, changed and deleted rows, and all rows of keyless views', async (t) => {
  const { settings, customers, folder } = await account(t);
  await exportTo(settings, `parquet:${folder}`);
  // Kafka stamped this message before the export, but the sink was late.
  await customers.insert("'c', 'Cy'", { partition: 1, offset: 5, time: '2020-01-01 00:00:00.000' });
  await customers.insert("'b', 'Bo'");
  await customers.insert("'a', NULL", { isDeleted: true, time: '2026-02-01 00:00:00.000' });
  const { manifest, unchanged } = await exportTo(settings, `parquet:${folder}`, { since: 'last' });
  assert.deepEqual(unchanged, ['plans']);
  const changes = join(folder, 'changes', manifest.id);
  assert.deepEqual(manifestIn(changes), manifest);
  assert.deepEqual(readdirSync(changes).sort(), [
    'customer_tags.parquet',
    'customers.deleted.parquet',
    'customers.parquet',
    'manifest.json',
  ]);
  assert.deepEqual(await rowsOfFile(changes, 'customers.parquet'), [
    { id: 'b', name: 'Bo' },
    { id: 'c', name: 'Cy' },
  ]);
  assert.deepEqual(await duckRows(`SELECT * FROM read_parquet('${changes}/customers.deleted.parquet')`), [
    { id: 'a', _changed_at: '2026-02-01 00:00:00+00' },
  ]);
  assert.deepEqual(await rowsOfFile(changes, 'customer_tags.parquet'), [
    { customer_uuid: 'b', tag: 't' },
    { customer_uuid: 'c', tag: 't' },
  ]);
  assert.deepEqual(
    manifest.views.map(({ name, mode }) => [name, mode]),
    [
      ['customer_tags', 'full'],
      ['customers', 'changes'],
    ],
  );

  const again = await exportTo(settings, `parquet:${folder}`, { since: 'last' });
  assert.deepEqual(again.unchanged, ['customer_tags', 'customers', 'plans']);
  assert.deepEqual(readdirSync(join(folder, 'changes')), [manifest.id]);
});

test('--since last exports all rows if the table was rebuilt or there is no earlier export', async (t) => {
  const { settings, folder, own } = await account(t);
  const first = await exportTo(settings, `parquet:${folder}`, { since: 'last' });
  assert.equal(first.manifest.since, null);
  assert.ok(existsSync(join(folder, 'plans.parquet')));
  await define(
    settings,
    `ALTER TABLE ${own('plans_raw')} DROP COLUMN _table_ab12, ADD COLUMN _table_cd34 UInt8 EPHEMERAL`,
  );
  const { manifest } = await exportTo(settings, `parquet:${folder}`, { since: 'last' });
  assert.deepEqual(
    manifest.views.map(({ name, mode }) => [name, mode]),
    [['plans', 'full']],
  );
});

test('a view whose query has changed is exported in full, even if its table has not changed', async (t) => {
  const { settings, folder, own } = await account(t);
  await exportTo(settings, `parquet:${folder}`);
  await define(
    settings,
    `CREATE OR REPLACE VIEW ${own('customer_tags')} AS SELECT id AS customer_uuid, 'u' AS tag, _timestamp AS _changed_at FROM ${own('customers_raw')} FINAL`,
  );
  const { manifest } = await exportTo(settings, `parquet:${folder}`, { since: 'last' });
  assert.deepEqual(
    manifest.views.map(({ name, mode }) => [name, mode]),
    [['customer_tags', 'full']],
  );
});

test('an export of changes since a given time does not affect where --since last continues', async (t) => {
  const { settings, customers, folder } = await account(t);
  await exportTo(settings, `parquet:${folder}`);
  await customers.insert("'c', 'Cy'", { time: '2026-03-01 00:00:00.000' });
  await customers.insert("'d', 'Di'", { time: '2026-03-02 00:00:00.000' });
  const { manifest } = await exportTo(settings, `parquet:${folder}`, { since: Date.UTC(2026, 2, 2) });
  assert.deepEqual(await rowsOfFile(join(folder, 'changes', manifest.id), 'customers.parquet'), [
    { id: 'd', name: 'Di' },
  ]);
  const last = await exportTo(settings, `parquet:${folder}`, { since: 'last' });
  assert.equal(last.manifest.views.find(({ name }) => name === 'customers')?.files[0]?.rows, 2);
});

test('a failed export resumes and rewrites a kept file only if its bytes differ', async (t) => {
  const { settings, folder, own } = await account(t);
  const breakPlans = (condition: string) =>
    define(
      settings,
      `CREATE OR REPLACE VIEW ${own('plans')} AS SELECT id, throwIf(${condition}) AS price, _timestamp AS _changed_at FROM ${own('plans_raw')}`,
    );
  await breakPlans('id = id');
  await assert.rejects(
    exportTo(settings, `parquet:${folder}`),
    (error) => error instanceof ServiceRefusedError && /plans\.parquet/.test(error.message),
  );
  const work = join(folder, '.unfinished');
  assert.deepEqual(readdirSync(folder), ['.unfinished']);
  const before = statSync(join(work, 'customers.parquet')).mtimeMs;
  appendFileSync(join(work, 'customer_tags.parquet'), 'x');
  await breakPlans('id != id');
  const { kept, manifest } = await exportTo(settings, `parquet:${folder}`);
  assert.equal(kept, 1);
  assert.equal(statSync(join(folder, 'customers.parquet')).mtimeMs, before);
  assert.equal(manifest.views.length, 3);
  assert.ok(!existsSync(work));
});

test('a resumed export rewrites a kept view if its columns have changed', async (t) => {
  const { settings, plans, folder, own } = await account(t);
  const breakTasks = (condition: string) =>
    define(
      settings,
      `CREATE OR REPLACE VIEW ${own('tasks')} AS SELECT throwIf(${condition}) AS id, _timestamp AS _changed_at FROM ${own('tasks_raw')}`,
    );
  const tasks = await createStorageTable(settings, 'tasks', ['id Int64']);
  await tasks.insert('1');
  await breakTasks('id = 1');
  const path = join(exportFolder(t), 'a.duckdb');
  const targets = [`parquet:${folder}`, `duckdb:${path}`];
  for (const target of targets) await assert.rejects(exportTo(settings, target), /tasks\.parquet/);
  await define(settings, `ALTER TABLE ${own('plans_raw')} ADD COLUMN city String DEFAULT 'Rome'`);
  await define(
    settings,
    `CREATE OR REPLACE VIEW ${own('plans')} AS SELECT id, price, city, _timestamp AS _changed_at FROM ${own('plans_raw')} FINAL`,
  );
  await breakTasks('id = 2');
  for (const target of targets) {
    const { kept, manifest } = await exportTo(settings, target);
    assert.equal(kept, 2);
    const columns = manifest.views.find(({ name }) => name === 'plans')?.columns;
    assert.deepEqual(
      columns?.map(({ name }) => name),
      ['id', 'price', 'city', '_changed_at'],
    );
  }
  assert.deepEqual(await rowsOfFile(folder, 'plans.parquet'), [{ id: 'p', price: '100', city: 'Rome' }]);
  await plans.insert("'q', 200");
  await exportTo(settings, `duckdb:${path}`, { since: 'last' });
  assert.deepEqual(await duckRows('SELECT id, city FROM chartmogul.plans ORDER BY id', path), [
    { id: 'p', city: 'Rome' },
    { id: 'q', city: 'Rome' },
  ]);
});

test('an export that failed between its renames is published in full by the next export', async (t) => {
  const { settings, customers, plans, folder } = await account(t);
  await exportTo(settings, `parquet:${folder}`);
  await customers.insert("'c', 'Cy'");
  await plans.insert("'q', 200");
  // A folder in place of the file makes the rename fail.
  const place = join(folder, 'plans.parquet');
  rmSync(place);
  mkdirSync(join(place, 'in-the-way'), { recursive: true });
  const earlier = manifestIn(folder);
  await assert.rejects(exportTo(settings, `parquet:${folder}`), TargetFailedError);
  assert.deepEqual(manifestIn(folder), earlier);
  assert.ok(existsSync(join(folder, '.unfinished', 'plans.parquet')));
  assert.ok(!existsSync(join(folder, '.unfinished', 'customers.parquet')));

  rmSync(place, { recursive: true });
  await exportTo(settings, `parquet:${folder}`, { since: 'last' });
  assert.equal((await rowsOfFile(folder, 'customers.parquet')).length, 3);
  assert.equal((await rowsOfFile(folder, 'plans.parquet')).length, 2);
  assert.notEqual(manifestIn(folder).id, earlier.id);
  assert.ok(!existsSync(join(folder, '.unfinished')));
});

test('a folder of changes omits a stale file of a view that was rewritten', async (t) => {
  const { settings, plans, folder, own } = await account(t);
  const tasks = await createStorageTable(settings, 'tasks', ['id Int64']);
  await tasks.insert('1');
  await exportTo(settings, `parquet:${folder}`);
  await plans.insert("'q', 200");
  const defineTasks = (id: string) =>
    define(
      settings,
      `CREATE OR REPLACE VIEW ${own('tasks')} AS SELECT ${id} AS id, _timestamp AS _changed_at FROM ${own('tasks_raw')}`,
    );
  await defineTasks('throwIf(id = 1)');
  await assert.rejects(exportTo(settings, `parquet:${folder}`, { since: 'last' }), /tasks\.parquet/);
  assert.ok(existsSync(join(folder, '.unfinished', 'plans.deleted.parquet')));
  await define(
    settings,
    `CREATE OR REPLACE VIEW ${own('plans')} AS SELECT id, _timestamp AS _changed_at FROM ${own('plans_raw')} FINAL`,
  );
  await defineTasks('id');
  const { manifest } = await exportTo(settings, `parquet:${folder}`, { since: 'last' });
  assert.deepEqual(readdirSync(join(folder, 'changes', manifest.id)).sort(), [
    'manifest.json',
    'plans.parquet',
    'tasks.parquet',
  ]);
});

test('views over one table are read again until no message arrives while they are read', async (t) => {
  const { settings, customers, folder } = await account(t);
  const target = await FolderTarget.open('parquet', folder);
  let arriving = 1;
  const write = target.write.bind(target);
  target.write = async (file, bytes, signal) => {
    await write(file, bytes, signal);
    if (file.name === 'customer_tags.parquet' && arriving-- > 0) await customers.insert("'z', 'Zoe'");
  };
  await exportViews(settings, target, { streams: ['customers'], since: undefined }, noSignal);
  await target.close();
  assert.equal((await rowsOfFile(folder, 'customer_tags.parquet')).length, 3);
  assert.equal((await rowsOfFile(folder, 'customers.parquet')).length, 3);

  arriving = Infinity;
  const restless = await FolderTarget.open('parquet', exportFolder(t));
  restless.write = async (_file, bytes, signal) => {
    for await (const chunk of bytes) assert.ok(chunk);
    signal.throwIfAborted();
    await customers.insert("'y', 'Yo'");
  };
  await assert.rejects(
    exportViews(settings, restless, { streams: ['customers'], since: undefined }, noSignal),
    (error) => error instanceof ServiceUnavailableError && /stop the sink/.test(error.message),
  );
});

test('an export of some streams keeps the files of all other streams', async (t) => {
  const { settings, customers, folder } = await account(t);
  await exportTo(settings, `parquet:${folder}`);
  await customers.insert("'c', 'Cy'");
  await exportTo(settings, `parquet:${folder}`, { streams: ['customers'] });
  assert.equal((await rowsOfFile(folder, 'customers.parquet')).length, 3);
  assert.deepEqual(
    manifestIn(folder)
      .views.map(({ name }) => name)
      .sort(),
    ['customer_tags', 'customers', 'plans'],
  );
  const { unchanged } = await exportTo(settings, `parquet:${folder}`, { since: 'last' });
  assert.equal(unchanged.length, 3);
});

test('the next export publishes an export that was killed while it was being published', async (t) => {
  const { settings, folder } = await account(t);
  const target = await FolderTarget.open('parquet', folder);
  target.publish = () => Promise.reject(new Error('killed'));
  await assert.rejects(
    exportViews(settings, target, { streams: undefined, since: undefined }, noSignal),
    /killed/,
  );
  await target.close();
  const { manifest } = await exportTo(settings, `parquet:${folder}`, { since: 'last' });
  assert.equal(manifest.views.length, 0);
  assert.deepEqual(readdirSync(folder).sort(), [
    'customer_tags.parquet',
    'customers.parquet',
    'manifest.json',
    'plans.parquet',
  ]);
});

const refused: readonly (readonly [
  string,
  (settings: Settings, folder: string) => Promise<unknown>,
  RegExp,
])[] = [
  [
    'an unknown stream',
    (settings, folder) => exportTo(settings, `parquet:${folder}`, { streams: ['unicorns'] }),
    /customer_tags, customers, plans/,
  ],
  [
    'an unknown target',
    (settings) => exportTo(settings, 'excel:a.xlsx'),
    /parquet:DIR, csv:DIR, duckdb:FILE, postgres:/,
  ],
];
for (const [title, run, message] of refused) {
  test(`an export refuses ${title} and lists the known ones`, async (t) => {
    const { settings, folder } = await account(t);
    await assert.rejects(
      async () => run(settings, folder),
      (error) => error instanceof ConfigError && message.test(error.message),
    );
  });
}

test('an export reports a folder that is unusable or used by another export', async (t) => {
  const { settings, folder } = await account(t);
  writeFileSync(join(folder, 'file'), '');
  const isFailure = (pattern: RegExp) => (error: unknown) =>
    error instanceof TargetFailedError && pattern.test(error.message);
  await assert.rejects(exportTo(settings, `parquet:${folder}/file`), isFailure(/part of the path is a file/));
  const busy = await FolderTarget.open('parquet', join(folder, 'busy'));
  await assert.rejects(
    exportTo(settings, `parquet:${folder}/busy`),
    isFailure(/another export \(process \d+\)/),
  );
  await busy.close();
});
