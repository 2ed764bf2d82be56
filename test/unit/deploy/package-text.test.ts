import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { commandList } from '../../../commands/command-list.ts';
import { packageImports, packageText } from '../../../deploy/package/package-text.ts';
import { contributorScripts } from '../../../docs/generate/commands-page.ts';

const cases: readonly (readonly [string, string])[] = [
  ['run `npm run sink`', 'run `chartmogul-clickhouse sink`'],
  ['`npm run produce -- --streams a,b --full`', '`chartmogul-clickhouse produce --streams a,b --full`'],
  ['npm run services -- up', 'chartmogul-clickhouse services up'],
  ['npm run dead-letters -- show ID', 'chartmogul-clickhouse dead-letters show ID'],
  ['npm run -s query < report.sql', 'chartmogul-clickhouse query < report.sql'],
  ['npm run --silent --prefix /a/b mcp', 'chartmogul-clickhouse mcp'],
  ['.name(`npm run ${script} --`)', '.name(`chartmogul-clickhouse ${script}`)'],
  // Not commands of the package.
  ['npm run check', 'npm run check'],
  ['npm run sbom', 'npm run sbom'],
  ['npm run show-all', 'npm run show-all'],
];
for (const [text, expected] of cases) {
  test(`packageText converts ${JSON.stringify(text)}`, () => {
    assert.equal(packageText(text, Object.keys(commandList)), expected);
  });
}

test('type declarations of the package import .js files', () => {
  assert.equal(
    packageImports(`import type { A } from './a.ts';\nexport declare const b: import("../c/b.ts").B;\n`),
    `import type { A } from './a.js';\nexport declare const b: import("../c/b.js").B;\n`,
  );
});

test('the package has every command in package.json except bench and those for contributors', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
  const expected = Object.keys(scripts).filter((name) => ![...contributorScripts, 'bench'].includes(name));
  assert.deepEqual(Object.keys(commandList), expected);
});
