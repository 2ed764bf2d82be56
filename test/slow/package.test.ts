import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { before, describe, after, test } from 'node:test';
import { promisify } from 'node:util';
import pLimit from 'p-limit';
import { commandList } from '../../commands/command-list.ts';
import { childEnvironment } from '../../core/settings/child-environment.ts';

const run = promisify(execFile);
const DEADLINE_MS = 280_000;
const names = Object.keys(commandList);

describe('the package in an empty folder', { timeout: 600_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'package-'));
  const work = join(folder, 'work');
  /** The environment of a user, but with the jars that the checkout has fetched. */
  const env = { ...childEnvironment('npm'), XDG_CACHE_HOME: join(folder, 'cache') };
  const options = { cwd: work, env, timeout: DEADLINE_MS, maxBuffer: 64 * 1024 * 1024 };
  const program = (...args: string[]) =>
    run(join(work, 'node_modules/.bin/chartmogul-clickhouse'), args, options);
  let files: readonly string[] = [];

  before(async () => {
    mkdirSync(work);
    mkdirSync(join(folder, 'cache/chartmogul-clickhouse'), { recursive: true });
    mkdirSync(resolve('.data/java'), { recursive: true });
    symlinkSync(resolve('.data/java'), join(folder, 'cache/chartmogul-clickhouse/java'));
    const pack = ['run', '-s', 'package', '--', '--json', '--pack-destination', folder];
    const { stdout } = await run('npm', pack, { env, timeout: DEADLINE_MS, maxBuffer: options.maxBuffer });
    const [packed] = JSON.parse(stdout) as { filename: string; files: { path: string }[] }[];
    assert.ok(packed);
    files = packed.files.map(({ path }) => path);
    writeFileSync(join(work, 'package.json'), '{}');
    const install = ['install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund'];
    await run('npm', [...install, join(folder, packed.filename)], options);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('contains only the expected folders and kinds of files', () => {
    const inRoot = files.filter((path) => !path.includes('/'));
    assert.deepEqual(inRoot.sort(), ['LICENSE', 'README.md', 'docker-compose.yml', 'package.json']);
    const kinds = new Set(files.map((path) => path.replace(/^.*?(\.[a-z.]+\d*)$/, '$1')));
    assert.deepEqual(
      [...kinds].sort().join(' '),
      '.avsc .d.mts .d.ts .js .js.map .json .md .mjs .sha256 .sql .txt .xml .yml LICENSE',
    );
    const folders = new Set(files.flatMap((path) => /^(.+?)\//.exec(path)?.[1] ?? []));
    assert.deepEqual(
      [...folders].sort(),
      'commands consumers core dashboard docs mcp operations producers queries schemas services simulator'.split(
        ' ',
      ),
    );
  });

  test('npm pack in the checkout fails or packs a program that names the right command', async () => {
    const remedy = /run "npm run package" in the checkout/;
    const pack = ['pack', '--json', '--dry-run'];
    await assert.rejects(run('npm', [...pack, '--ignore-scripts=false'], { env }), { stderr: remedy });
    const { stdout } = await run('npm', [...pack, '--ignore-scripts'], { env });
    const [{ files } = { files: [] }] = JSON.parse(stdout) as { files: { path: string }[] }[];
    const { bin } = JSON.parse(readFileSync('package.json', 'utf8')) as { bin: Record<string, string> };
    const program = bin['chartmogul-clickhouse'] ?? '';
    assert.deepEqual(
      files.map(({ path }) => path).filter((path) => path.endsWith('js')),
      [program],
    );
    await assert.rejects(run(process.execPath, [program]), { code: 2, stderr: remedy });
  });

  test('each command prints its help under its own name', async () => {
    const limit = pLimit(3);
    await Promise.all(
      names.map((name) =>
        limit(async () => {
          const { stdout } = await program(name, '--help');
          assert.match(stdout, new RegExp(`^Usage: chartmogul-clickhouse ${name} `));
          assert.doesNotMatch(stdout, /npm run/);
        }),
      ),
    );
  });

  test('assistants start the package, and a mistyped command leads to a suggestion', async () => {
    const { stdout } = await program('assistant', 'init', '--for', 'claude', '--dry-run');
    assert.match(stdout, /"command": "npx"/);
    assert.match(stdout, /chartmogul-clickhouse status/);
    assert.doesNotMatch(stdout, /npm run/);
    await assert.rejects(program('prodce'), { code: 2, stderr: /Did you mean produce\?/ });
  });

  test('the demo runs without tsx and suggests how to start the services', async () => {
    const packages = readdirSync(join(work, 'node_modules'));
    for (const name of ['tsx', 'esbuild', 'typescript', 'preact']) assert.ok(!packages.includes(name), name);
    const { stdout } = await program('demo');
    assert.match(stdout, /25 streams, .* 0 failures/);
    assert.match(stdout, /^ {2}chartmogul-clickhouse services up$/m);
  });
});
