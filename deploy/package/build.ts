import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandList } from '../../commands/command-list.ts';
import { runProgram } from '../../core/child-process.ts';
import { buildPages, type Built } from '../../dashboard/server/bundle.ts';
import { packageImports, packageText } from './package-text.ts';

// Writes the package into `dist`: a copy of the checkout with JavaScript instead of TypeScript, so
// that each command finds its files in the same places as in the checkout.
const root = fileURLToPath(new URL('../../', import.meta.url));
const dist = join(root, 'dist');

/** The files that the package requires in addition to the output of the compiler. */
const data: readonly RegExp[] = [
  /^schemas\/.+\.avsc$/,
  /^queries\/.+\.sql$/,
  /^docs\/.+\.md$/,
  /^(?:README\.md|LICENSE)$/,
  /^docker-compose\.yml$/,
  /^services\/(?:pom\.xml|java-packages\.sha256)$/,
  /^core\/child-environment\.(?:mjs|d\.mts)$/,
];

rmSync(dist, { recursive: true, force: true });
const compiler = join(root, 'node_modules/typescript/bin/tsc');
await runProgram(process.execPath, [compiler, '-p', 'deploy/package'], { cwd: root });
for (const file of [
  'schemas',
  'queries',
  'docs',
  'services',
  'core',
  'README.md',
  'LICENSE',
  'docker-compose.yml',
]
  .flatMap(filesOf)
  .filter((name) => data.some((pattern) => pattern.test(name))))
  cpSync(join(root, file), join(dist, file));

const pages = await buildPages();
writeFileSync(join(dist, 'dashboard/server/pages.json'), pages);
writeFileSync(join(dist, 'dashboard/server/pages-licences.txt'), licencesOf(JSON.parse(pages) as Built));

const names = Object.keys(commandList);
for (const file of filesOf('dist').filter((name) => /\.(?:js|ts|md|json)$/.test(name))) {
  const path = join(root, file);
  const text = packageText(readFileSync(path, 'utf8'), names);
  writeFileSync(path, path.endsWith('.d.ts') ? packageImports(text) : text);
}

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, unknown>;
const ofCheckout = ['devDependencies', 'scripts', 'files', 'overrides'];
const kept = Object.entries(manifest).filter(([field]) => !ofCheckout.includes(field));
const own = { bin: { 'chartmogul-clickhouse': 'commands/main.js' }, exports: { './*': './*' } };
writeFileSync(
  join(dist, 'package.json'),
  `${JSON.stringify({ ...Object.fromEntries(kept), ...own }, null, 2)}\n`,
);

/** Returns the path itself or the paths of all files below it, relative to the root. */
function filesOf(path: string): string[] {
  if (!statSync(join(root, path)).isDirectory()) return [path];
  return readdirSync(join(root, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length).replaceAll('\\', '/'));
}

/** Returns the licences of the packages that the pages contain. */
function licencesOf({ outputs }: Built): string {
  const inputs = Object.values(outputs).flatMap(({ inputs }) => Object.keys(inputs));
  const bundled = new Set(
    inputs.flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []),
  );
  return [...bundled]
    .sort()
    .map((each) => `${each}\n\n${readFileSync(join(root, 'node_modules', each, 'LICENSE'), 'utf8')}`)
    .join('\n\n');
}
