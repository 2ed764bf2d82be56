import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Work that ends with its standard input. */
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
