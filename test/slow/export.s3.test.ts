import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { TargetFailedError } from '../../core/errors.ts';
import { Secret } from '../../core/settings/secret.ts';
import type { Settings } from '../../core/settings/config.ts';
import { parseManifest } from '../../operations/export/manifest.ts';
import { createStorageTable, define, duckRows, exportFolder, exportTo } from '../helpers/exported.ts';
import { exportViews } from '../../operations/export/export.ts';
import { S3Target } from '../../operations/export/targets/s3.ts';
import { noS3, startS3 } from '../helpers/own-s3.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';

const skip = noS3;

function withAws(settings: Settings, endpoint: string): Settings {
  const credentials = { keyId: 'AKIATEST', key: new Secret('planted-aws-secret'), token: undefined };
  return {
    ...settings,
    exportTarget: { ...settings.exportTarget, aws: { credentials, region: undefined, endpoint } },
  };
}

test(
  'an export to S3 writes an object per view, a manifest, then changes in their own folder',
  { skip },
  async (t) => {
    const { endpoint, keys, read } = await startS3(t);
    const settings = withAws(createSettings(t), endpoint);
    const { insert } = await createStorageTable(settings, 'customers', [
      'id String',
      'name Nullable(String)',
    ]);
    await insert("'a', 'Ada'");
    await insert("'b', NULL");
    const { manifest } = await exportTo(settings, 's3://exports/daily');
    assert.deepEqual(await keys(), ['daily/customers.parquet', 'daily/manifest.json']);
    const content = await read('daily/customers.parquet');
    const [file] = manifest.views[0]?.files ?? [];
    assert.equal(file?.sha256, createHash('sha256').update(content).digest('hex'));
    const path = join(exportFolder(t), 'a.parquet');
    writeFileSync(path, content);
    assert.deepEqual(await duckRows(`SELECT id, name FROM read_parquet('${path}') ORDER BY id`), [
      { id: 'a', name: 'Ada' },
      { id: 'b', name: null },
    ]);

    await insert("'a', NULL", { isDeleted: true });
    const changes = await exportTo(settings, 's3://exports/daily', { since: 'last' });
    const own = `daily/changes/${changes.manifest.id}`;
    assert.deepEqual(await keys(), [
      `${own}/customers.deleted.parquet`,
      `${own}/customers.parquet`,
      `${own}/manifest.json`,
      'daily/customers.parquet',
      'daily/manifest.json',
    ]);
    assert.deepEqual(parseManifest((await read(`${own}/manifest.json`)).toString()), changes.manifest);
    const again = await exportTo(settings, 's3://exports/daily', { since: 'last' });
    assert.deepEqual(again.unchanged, ['customers']);
  },
);

test('a multipart export to S3 is complete, and resumes after a failure', { skip }, async (t) => {
  const { endpoint, keys, read } = await startS3(t);
  const settings = withAws(createSettings(t), endpoint);
  const { database } = settings.clickhouse;
  const plans = await createStorageTable(settings, 'plans', ['id UInt64', 'text String']);
  const tasks = await createStorageTable(settings, 'tasks', ['id UInt64']);
  await plans.insert("1, ''");
  await tasks.insert('1');
  await define(
    settings,
    `CREATE OR REPLACE VIEW ${database}.plans AS SELECT number AS id, randomPrintableASCII(1000) AS text, toDateTime64(0, 3, 'UTC') AS _changed_at FROM numbers(40000)`,
  );
  const breakTasks = (condition: string) =>
    define(
      settings,
      `CREATE OR REPLACE VIEW ${database}.tasks AS SELECT throwIf(${condition}) AS id, _timestamp AS _changed_at FROM ${database}.tasks_raw`,
    );
  await breakTasks('id = 1');
  await assert.rejects(exportTo(settings, 's3://exports'), /tasks/);
  assert.deepEqual(await keys(), ['manifest.unfinished.json', 'plans.parquet']);
  await breakTasks('id = 2');
  const { kept, manifest } = await exportTo(settings, 's3://exports');
  assert.equal(kept, 1);
  const file = manifest.views.find(({ name }) => name === 'plans')?.files[0];
  const content = await read('plans.parquet');
  assert.ok(content.length > 32 * 1024 * 1024);
  assert.equal(file?.sha256, createHash('sha256').update(content).digest('hex'));
  assert.deepEqual(await keys(), ['manifest.json', 'plans.parquet', 'tasks.parquet']);
});

test(
  'an export removes changes from S3 that an earlier export wrote but did not publish',
  { skip },
  async (t) => {
    const { endpoint, keys } = await startS3(t);
    const settings = withAws(createSettings(t), endpoint);
    const { database } = settings.clickhouse;
    const plans = await createStorageTable(settings, 'plans', ['id Int64']);
    const tasks = await createStorageTable(settings, 'tasks', ['id Int64']);
    await plans.insert('1');
    await tasks.insert('1');
    await exportTo(settings, 's3://exports/daily');
    await plans.insert('2');
    const published = await exportTo(settings, 's3://exports/daily', { since: 'last' });
    const own = `daily/changes/${published.manifest.id}`;
    const whole = [
      `${own}/manifest.json`,
      `${own}/plans.deleted.parquet`,
      `${own}/plans.parquet`,
      'daily/manifest.json',
      'daily/plans.parquet',
      'daily/tasks.parquet',
    ];
    assert.deepEqual(await keys(), whole);

    await plans.insert('1', { isDeleted: true });
    await define(
      settings,
      `CREATE OR REPLACE VIEW ${database}.tasks AS SELECT throwIf(id = 1) AS id, _timestamp AS _changed_at FROM ${database}.tasks_raw`,
    );
    await assert.rejects(exportTo(settings, 's3://exports/daily', { since: 'last' }), /tasks/);
    const unpublished = (await keys()).filter((key) => !whole.includes(key));
    assert.equal(unpublished.filter((key) => key.startsWith('daily/changes/')).length, 2);
    await exportTo(settings, 's3://exports/daily', { streams: ['plans'] });
    assert.deepEqual(await keys(), whole);
  },
);

test(
  'export reports an unavailable S3 or a missing bucket in one line without the keys',
  { skip },
  async (t) => {
    const { endpoint } = await startS3(t);
    const settings = withAws(createSettings(t), endpoint);
    const failure = (pattern: RegExp) => (error: unknown) =>
      error instanceof TargetFailedError &&
      pattern.test(error.message) &&
      !/\n|planted-aws-secret/.test(error.message);
    await assert.rejects(
      exportTo(settings, 's3://nowhere/x'),
      failure(/NoSuchBucket .*create the bucket first/),
    );
    await assert.rejects(
      exportTo(withAws(settings, 'http://127.0.0.1:1'), 's3://exports/x'),
      failure(/s3:\/\/exports does not respond/),
    );
  },
);

test('only one export at a time writes below an S3 prefix', { skip }, async (t) => {
  const { endpoint, keys, put, read } = await startS3(t);
  const settings = withAws(createSettings(t), endpoint);
  const { insert } = await createStorageTable(settings, 'plans', ['id Int64']);
  await insert('1');
  const lock = 'daily/manifest.lock';
  const first = await S3Target.open({ bucket: 'exports', prefix: 'daily' }, settings.exportTarget, noSignal);
  await assert.rejects(
    exportTo(settings, 's3://exports/daily'),
    (error) =>
      error instanceof TargetFailedError &&
      /another export \(process \d+\) is writing to s3:\/\/exports\/daily\/: wait until it ends$/.test(
        error.message,
      ),
  );
  const claim = (await read(lock)).toString();
  await first.close();
  assert.deepEqual(await keys(), []);
  // The lock of a killed process on this machine.
  await put(lock, claim.replace(/"started":"\d*"/, '"started":"1"'));
  await exportTo(settings, 's3://exports/daily');
  await put(lock, claim.replace(/"host":"[^"]*"/, '"host":"pod-b"'));
  await assert.rejects(
    exportTo(settings, 's3://exports/daily'),
    /another export \(process \d+ on pod-b\) .*; if it was killed, delete s3:\/\/exports\/daily\/manifest.lock$/,
  );
});

test(
  'an export to S3 does not publish its manifest if another client has replaced its objects',
  { skip },
  async (t) => {
    const { endpoint, keys, put, remove } = await startS3(t);
    const settings = withAws(createSettings(t), endpoint);
    const { insert } = await createStorageTable(settings, 'plans', ['id Int64']);
    await insert('1');
    const target = await S3Target.open(
      { bucket: 'exports', prefix: 'daily' },
      settings.exportTarget,
      noSignal,
    );
    const publish = target.publish.bind(target);
    target.publish = async (manifest, earlier) => {
      const [file] = manifest.views.flatMap(({ files }) => files);
      await put('daily/plans.parquet', 'x'.repeat(file?.bytes ?? 0));
      await publish(manifest, earlier);
    };
    const exporting = () => exportViews(settings, target, { streams: undefined, since: undefined }, noSignal);
    await assert.rejects(exporting(), /s3:\/\/exports\/daily\/plans.parquet was replaced during the export/);
    assert.ok(!(await keys()).includes('daily/manifest.json'));
    target.publish = publish;
    // The lock is also lost, because another client removes it.
    await remove('daily/manifest.lock');
    await assert.rejects(
      exporting(),
      /no longer holds the lock of s3:\/\/exports, so another export may be writing under the same prefix/,
    );
    await target.close();
    const { kept } = await exportTo(settings, 's3://exports/daily');
    assert.equal(kept, 0);
    assert.ok((await keys()).includes('daily/manifest.json'));
  },
);
