import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { verifyChecksums } from '../../../services/checksums.ts';

const files = { 'kafka/a.jar': 'A', 'registry/run.jar': 'R', 'registry/lib/b c.jar': 'B' };
const lineOf = ([path, text]: readonly [string, string]) =>
  `${createHash('sha256').update(text).digest('hex')}  ${path}\n`;
const list = Object.entries(files).map(lineOf).join('');

function folderWith(t: TestContext, changed: Readonly<Record<string, string | undefined>>): string {
  const root = mkdtempSync(join(tmpdir(), 'checksums-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  for (const folder of ['kafka', 'registry/lib']) mkdirSync(join(root, folder), { recursive: true });
  for (const [path, text = ''] of Object.entries<string | undefined>({ ...files, ...changed }))
    if (text !== '') writeFileSync(join(root, path), text);
  return root;
}

const verify = (root: string) => verifyChecksums(root, ['kafka', 'registry'], list);

test('jars that match the list are accepted', async (t) => {
  await verify(folderWith(t, {}));
});

for (const [what, changed, message] of [
  [
    'changed',
    { 'registry/lib/b c.jar': 'X' },
    /^LocalServiceError: registry\/lib\/b c\.jar is not the expected file/,
  ],
  ['added', { 'kafka/aaa.jar': 'X' }, /^LocalServiceError: kafka\/aaa\.jar is not the expected file/],
  ['missing', { 'registry/run.jar': undefined }, /^LocalServiceError: registry\/run\.jar is missing/],
] as const)
  test(`the error for a jar that is ${what} names the jar`, async (t) => {
    await assert.rejects(verify(folderWith(t, changed)), message);
  });

/** Packages whose integrity hash is still missing, because no registry returned it. */
const unknownIntegrity = [
  'node_modules/@chdb/lib-darwin-arm64',
  'node_modules/@chdb/lib-darwin-x64',
  'node_modules/@chdb/lib-linux-arm64-gnu',
];

test('every package in the lock file has an integrity hash, with known exceptions, and no URL', () => {
  const lock = JSON.parse(readFileSync(new URL('../../../package-lock.json', import.meta.url), 'utf8')) as {
    packages: Record<string, { integrity?: string; resolved?: string }>;
  };
  const packages = Object.entries(lock.packages).filter(([path]) => path !== '');
  const without = packages.filter(([, { integrity }]) => !/^sha512-/.test(integrity ?? ''));
  assert.deepEqual(
    without.map(([path]) => path),
    unknownIntegrity,
  );
  assert.deepEqual(
    packages.filter(([, { resolved }]) => resolved !== undefined),
    [],
  );
});

test('docs/sbom.cdx.json lists every package in the lock file, as `npm run -s sbom` does', () => {
  const read = (path: string) =>
    JSON.parse(readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')) as unknown;
  const { packages } = read('package-lock.json') as {
    packages: Record<string, { version: string }>;
  };
  const { components, metadata } = read('docs/sbom.cdx.json') as {
    components: { name: string; version: string }[];
    metadata: { component: { name: string } };
  };
  // By default, npm writes the name of the folder.
  assert.equal(metadata.component.name, 'chartmogul-clickhouse');
  const locked = Object.entries(packages)
    .filter(([path]) => path !== '')
    .map(([path, { version }]) => `${path.replace(/^.*node_modules\//, '')}@${version}`);
  const listed = components.map(({ name, version }) => `${name}@${version}`);
  assert.deepEqual([...new Set(listed)].sort(), [...new Set(locked)].sort());
});
