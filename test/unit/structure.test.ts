import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folders = [
  'core',
  'producers',
  'consumers',
  'operations',
  'simulator',
  'services',
  'commands',
  'dashboard',
  'mcp',
];

/** The files that each file imports, as values or as types. */
const imports = new Map(
  folders
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) =>
        join(root, folder, file),
      ),
    )
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => {
      const matches = readFileSync(file, 'utf8').matchAll(/^(?:import|export)[^;]*?from '(\.[^']+)'/gm);
      return [file, [...matches].map(([, path = '']) => join(dirname(file), path))];
    }),
);

function cycleFrom(file: string, way: readonly string[] = []): readonly string[] | undefined {
  if (way.includes(file)) return [...way.slice(way.indexOf(file)), file];
  if (acyclic.has(file)) return undefined;
  for (const next of imports.get(file) ?? []) {
    const cycle = cycleFrom(next, [...way, file]);
    if (cycle !== undefined) return cycle;
  }
  acyclic.add(file);
  return undefined;
}
const acyclic = new Set<string>();

test('no files import each other in a cycle', () => {
  assert.ok(imports.size > 100);
  for (const file of imports.keys()) {
    assert.deepEqual(
      cycleFrom(file)?.map((path) => relative(root, path)),
      undefined,
    );
  }
});

test('only two files, both in core/settings/, read the environment', () => {
  const files = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
  );
  const readers = files.filter(
    (file) =>
      /\.tsx?$/.test(file) &&
      /process\.env|['"]dotenv|\benv\b.*from 'node:process'/.test(readFileSync(join(root, file), 'utf8')),
  );
  assert.deepEqual(readers.sort(), ['core/settings/child-environment.ts', 'core/settings/config.ts']);
});

test('every test title that is plain text is under 90 characters', () => {
  const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' });
  const long = files
    .filter((file) => file.endsWith('.test.ts'))
    .flatMap((file) => {
      const titles = readFileSync(join(root, 'test', file), 'utf8').matchAll(/\btest\(\s*'([^'\n]*)'/g);
      return [...titles].map(([, title = '']) => title).filter((title) => title.length >= 90);
    });
  assert.deepEqual(long, []);
});
