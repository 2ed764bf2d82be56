import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { streamNames } from '../../../core/avro/schema-files.ts';
import { contributorScripts } from '../../../docs/generate/commands-page.ts';
import { referenceFolder, referencePages } from '../../../docs/generate/reference.ts';
import { eventStream, streams } from '../../../producers/chartmogul/streams.ts';
import { scriptOf } from '../../helpers/command.ts';

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const packageJson = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;

test('docs/reference matches the settings, commands and schemas of the code', async () => {
  for (const [name, text] of await referencePages(scriptOf)) {
    const stored = readFileSync(new URL(name, referenceFolder), 'utf8');
    assert.equal(stored, text, `docs/reference/${name} is stale: run \`npm run docs\``);
  }
});

test('every stream has a schema file, and every schema file belongs to a stream', () => {
  const names = [...streams, eventStream].map(({ name }) => name);
  assert.deepEqual([...names, 'runs'].sort(), streamNames);
});

test('CONTRIBUTING.md names every script that the reference leaves out', () => {
  const contributing = read('CONTRIBUTING.md');
  for (const name of contributorScripts)
    assert.match(contributing, new RegExp(`npm (run )?(-s )?${name}\\b`), name);
});

test('docs/dependencies.md names every direct dependency', () => {
  const reasons = read('docs/dependencies.md');
  for (const kind of ['dependencies', 'optionalDependencies', 'devDependencies']) {
    for (const name of Object.keys(packageJson[kind] ?? {})) {
      const scope = `${name.split('/')[0] ?? ''}/*`;
      assert.ok(
        [name, scope].some((text) => reasons.includes(`\`${text}\``)),
        name,
      );
    }
  }
});
