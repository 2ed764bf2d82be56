import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { ConfigError, TargetFailedError } from '../../../../../core/errors.ts';
import type { Manifest } from '../../../../../operations/export/manifest.ts';
import { WorkFolder } from '../../../../../operations/export/targets/work-folder.ts';

const { signal } = new AbortController();
const manifest: Manifest = {
  version: 1,
  id: '20260131T020000Z-4f2a1c',
  database: 'd',
  startedAt: '',
  finishedAt: null,
  since: null,
  views: [],
  upTo: { id: '', views: {} },
};

function createFolder(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'work-folder-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return { folder, path: join(folder, '.unfinished') };
}

const fails = (pattern: RegExp) => (error: unknown) =>
  error instanceof TargetFailedError && pattern.test(error.message);

test('two exports cannot claim the same folder, even with the same process number', async (t) => {
  const { path } = createFolder(t);
  const first = new WorkFolder(path);
  await first.claim();
  const second = new WorkFolder(path);
  await assert.rejects(
    second.claim(),
    fails(/another export \(process \d+\) is writing to .*unfinished: wait until it ends$/),
  );
  // An export that failed to claim the folder does not release it.
  await second.release();
  await first.claim();
  await assert.rejects(second.claim(), fails(/another export/));
  await first.release();
  await second.claim();
});

test('an export saves nothing after another export has claimed its folder', async (t) => {
  const { path } = createFolder(t);
  const first = new WorkFolder(path);
  await first.claim();
  await first.save(manifest);
  rmSync(join(path, 'process'));
  const second = new WorkFolder(path);
  await second.claim();
  await assert.rejects(first.save({ ...manifest, finishedAt: 'now' }), fails(/another export has claimed/));
  assert.equal((await second.readUnfinished())?.finishedAt, null);
  await first.release();
  await second.save(manifest);
});

test('a cleared folder keeps its claim, and a moved folder has none', async (t) => {
  const { folder, path } = createFolder(t);
  const work = new WorkFolder(path);
  await work.claim();
  await work.write('a.parquet', Readable.from(['a']), signal);
  await work.clear();
  assert.deepEqual(readdirSync(path), ['process']);
  await work.write('b.parquet', Readable.from(['b']), signal);
  await work.moveTo(join(folder, 'moved'));
  assert.deepEqual(readdirSync(join(folder, 'moved')), ['b.parquet']);
  await work.clear();
  assert.deepEqual(readdirSync(path), ['process']);
});

test('an export does not follow symbolic links or reuse files with other permissions', async (t) => {
  const { folder, path } = createFolder(t);
  const work = new WorkFolder(path);
  await work.claim();
  const keys = join(folder, 'authorized_keys');
  writeFileSync(keys, 'mine');
  for (const name of ['customers.parquet.part', 'manifest.json.part']) symlinkSync(keys, join(path, name));
  writeFileSync(join(path, 'plans.parquet.part'), '');
  chmodSync(join(path, 'plans.parquet.part'), 0o666);
  for (const name of ['customers.parquet', 'plans.parquet']) {
    await work.write(name, Readable.from(['rows']), signal);
    assert.ok(lstatSync(join(path, name)).isFile());
    assert.equal(statSync(join(path, name)).mode & 0o777, 0o600);
  }
  await work.save(manifest);
  assert.equal(readFileSync(keys, 'utf8'), 'mine');
});

test('a folder that was open to other users becomes private, and a symbolic link is refused', async (t) => {
  const { folder, path } = createFolder(t);
  mkdirSync(path);
  chmodSync(path, 0o777);
  await new WorkFolder(path).claim();
  assert.equal(statSync(path).mode & 0o777, 0o700);
  const link = join(folder, 'link');
  symlinkSync(path, link);
  await assert.rejects(
    new WorkFolder(link).claim(),
    (error) => error instanceof ConfigError && /must be a folder; got a symbolic link/.test(error.message),
  );
});

const isRoot = process.getuid?.() === 0;
test('a folder that belongs to another user is refused', { skip: !isRoot && 'requires root' }, async (t) => {
  const { path } = createFolder(t);
  mkdirSync(path);
  chownSync(path, 65534, 65534);
  await assert.rejects(new WorkFolder(path).claim(), fails(/belongs to another user: remove it/));
  assert.ok(!existsSync(join(path, 'process')));
});
