import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { createCommand } from '../../../core/process.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** A script whose work ends when its standard input ends. */
const script = `
  import { once } from 'node:events';
  import { runMain } from './core/process.ts';
  await runMain(async () => {
    process.stdin.resume();
    console.log('ready');
    await once(process.stdin, 'end');
    return 0;
  });`;

test('runMain logs that it is stopping while the work ends, and returns the exit code', async (t) => {
  const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['pipe', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  await once(child.stdout, 'data');
  child.kill('SIGINT');
  const [line] = (await once(child.stderr.setEncoding('utf8'), 'data')) as [string];
  assert.match(line, /"signal":"SIGINT","msg":"stopping: a second signal ends the command immediately"/);
  child.stdin.end();
  assert.deepEqual(await exited, [0, null]);
});

test('a command reports options that npm has consumed, and accepts options that reach it', (t) => {
  const before = { ...process.env };
  t.after(() => {
    for (const name of Object.keys(process.env))
      if (!(name in before)) Reflect.deleteProperty(process.env, name);
    Object.assign(process.env, before);
  });
  const command = () =>
    createCommand('replay', 'Rebuilds tables.')
      .option('--dry-run', 'changes nothing')
      .option('--since <time>', 'from this time');
  const parse = (script: string, ...args: string[]) => {
    process.env['npm_lifecycle_event'] = script;
    return command()
      .parse(['node', 'replay.ts', ...args])
      .opts<{ dryRun?: true }>();
  };
  process.env['npm_config_dry_run'] = 'true';
  process.env['npm_config_since'] = '';
  assert.throws(() => parse('replay'), /write `npm run replay -- --dry-run`$/);
  // The variables of another script, such as a test run, do not count.
  assert.deepEqual(parse('test'), {});
  process.env['npm_config_dry_run'] = '';
  assert.deepEqual(parse('replay', '--dry-run'), { dryRun: true });
  process.env['npm_config_since'] = '2026-01-01';
  assert.throws(() => parse('replay'), /write `npm run replay -- --since`$/);
});
