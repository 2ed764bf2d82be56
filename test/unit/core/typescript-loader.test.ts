import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const loaderFiles = ['start.mjs', 'core/child-environment.mjs', 'core/typescript-loader.mjs'];

/** A substitute for the compiler, which records its calls and its environment. */
const compiler = `import { appendFileSync } from 'node:fs';
export async function transform(source, { sourcefile }) {
  appendFileSync(new URL('../../calls', import.meta.url), JSON.stringify({ file: sourcefile.split('/').pop(), env: process.env }) + '\\n');
  return { code: source.replace(': string', '') };
}
`;

/** Creates a checkout with two modules and a compiler that only removes one type. */
function createCheckout(t: test.TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'loader-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const at = (path: string) => join(folder, path);
  for (const path of ['core', 'node_modules/esbuild', 'commands']) mkdirSync(at(path), { recursive: true });
  for (const file of loaderFiles) copyFileSync(join(root, file), at(file));
  const write = (path: string, text: string) => writeFileSync(at(path), text);
  write('node_modules/esbuild/package.json', '{"version":"1.0.0","type":"module","exports":"./index.js"}');
  write('node_modules/esbuild/index.js', compiler);
  write('package-lock.json', '{}');
  utimesSync(at('package-lock.json'), 0, 0);
  write('node_modules/.package-lock.json', '{}');
  write(
    'commands/hello.ts',
    "import { name } from './name.ts';\nconsole.log(`hello ${name} ${process.argv[2]} ${process.env.SECRET}`);\n",
  );
  write('commands/name.ts', "export const name: string = 'one';\n");
  const calls = () => {
    try {
      const lines = readFileSync(at('calls'), 'utf8').trim().split('\n');
      rmSync(at('calls'));
      return lines.map((line) => JSON.parse(line) as { file: string; env: Record<string, string> });
    } catch {
      return [];
    }
  };
  /** Returns what the command printed, the files compiled for it, and the compiler's calls. */
  const run = () => {
    const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], SECRET: 'planted' };
    const { stdout, stderr } = spawnSync(process.execPath, [at('start.mjs'), 'commands/hello.ts', 'x'], {
      env,
      encoding: 'utf8',
    });
    assert.equal(stderr, '');
    const compiled = calls();
    return { printed: stdout.trim(), compiled: compiled.map(({ file }) => file).sort(), calls: compiled };
  };
  const cache = at('node_modules/.cache/typescript');
  return { write, run, cache };
}

const both = ['hello.ts', 'name.ts'];

test('a command compiles its modules once, and later only a module that has changed', (t) => {
  const { write, run, cache } = createCheckout(t);
  const first = run();
  assert.deepEqual(first.compiled, both);
  assert.equal(first.printed, 'hello one x planted');
  assert.deepEqual(run().compiled, []);
  write('commands/name.ts', "export const name: string = 'two';\n");
  const { printed, compiled } = run();
  assert.deepEqual({ printed, compiled }, { printed: 'hello two x planted', compiled: ['name.ts'] });
  assert.equal(readdirSync(cache).length, 2);
});

test('a new version of the compiler compiles all modules again', (t) => {
  const { write, run } = createCheckout(t);
  run();
  write('node_modules/esbuild/package.json', '{"version":"2.0.0","type":"module","exports":"./index.js"}');
  assert.deepEqual(run().compiled, both);
});

test('a compiled file that was truncated or changed is compiled again', (t) => {
  const { run, cache } = createCheckout(t);
  run();
  for (const damage of [(text: string) => text.slice(0, -5), () => '', (text: string) => `${text}x`]) {
    for (const file of readdirSync(cache))
      writeFileSync(join(cache, file), damage(readFileSync(join(cache, file), 'utf8')));
    const { printed, compiled } = run();
    assert.deepEqual({ printed, compiled }, { printed: 'hello one x planted', compiled: both });
  }
});

test('a command runs even if it cannot write the cache', (t) => {
  const { run, cache } = createCheckout(t);
  // The folder is replaced by a file, because root can write to any folder.
  mkdirSync(join(cache, '..'), { recursive: true });
  writeFileSync(cache, '');
  chmodSync(cache, 0o400);
  const { printed, compiled } = run();
  assert.deepEqual({ printed, compiled }, { printed: 'hello one x planted', compiled: both });
});

test('the compiler does not receive a secret from the environment of the command', (t) => {
  const { run } = createCheckout(t);
  const { printed, calls } = run();
  assert.match(printed, /planted$/);
  assert.ok(calls.length > 0);
  for (const { env } of calls)
    assert.deepEqual(
      Object.keys(env).filter((name) => name === 'SECRET'),
      [],
    );
});
