import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { settingDocs } from '../../../core/settings/config.ts';
import { streams } from '../../../producers/chartmogul/streams.ts';
import { streamNames } from '../../../core/avro/schema-files.ts';

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const packageJson = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;
const readme = read('README.md');

test('the README names every setting with its default', () => {
  for (const { name, standard } of settingDocs) {
    const row = readme.split('\n').find((line) => line.startsWith('|') && line.includes(`\`${name}\``));
    assert.ok(row, name);
    assert.ok(row.includes(standard), `${name} = ${standard}`);
  }
});

test('the README names every command', () => {
  for (const name of Object.keys(packageJson['scripts'] ?? {})) {
    if (/^(pre|format)/.test(name)) continue;
    assert.match(readme, new RegExp(`npm (run )?${name}\\b`), name);
  }
});

test('the README names every stream with its address, and every stream has a schema', () => {
  for (const { name, paths } of streams) {
    const row = readme.split('\n').find((line) => new RegExp(`^\\| \`${name}\` +\\|`).test(line));
    for (const path of paths) assert.ok(row?.includes(`\`${path}\``), `${name} ${path}`);
  }
  assert.ok(readme.includes('`runs`'));
  assert.deepEqual([...streams.map(({ name }) => name), 'runs'].sort(), streamNames);
});

test('every direct dependency has its reason in docs/dependencies.md', () => {
  const reasons = read('docs/dependencies.md');
  for (const kind of ['dependencies', 'optionalDependencies', 'devDependencies']) {
    for (const name of Object.keys(packageJson[kind] ?? {})) assert.ok(reasons.includes(`\`${name}\``), name);
  }
});
