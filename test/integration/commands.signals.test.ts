import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test, { type TestContext } from 'node:test';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';
import { waitFor } from '../helpers/wait-for.ts';

/** Sends SIGTERM to npm alone, as a supervisor that knows its process id does, and waits until nothing of the command is left. */
async function assertEndsWithNpm(
  t: TestContext,
  args: readonly string[],
  ready: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const npm = spawn('npm', ['run', '--silent', ...args], { cwd: root, env, detached: true });
  const group = -(npm.pid ?? assert.fail('npm did not start'));
  t.after(() => {
    if (isAlive(group)) process.kill(group, 'SIGKILL');
  });
  let output = '';
  for (const stream of [npm.stdout, npm.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  await waitFor(`"${ready}" of ${args[0]}`, () => Promise.resolve(output.includes(ready)));
  npm.kill('SIGTERM');
  await waitFor(`the end of ${args[0]}`, () => Promise.resolve(!isAlive(group)));
}

function isAlive(group: number): boolean {
  try {
    return process.kill(group, 0);
  } catch {
    return false;
  }
}

test('SIGTERM to npm ends the command that it runs', async (t) => {
  const { baseUrl } = await createSimulatorServer(t, { customers: 5 });
  const env = { ...environmentOf(createSettings(t, baseUrl)), HOME: process.env['HOME'] };
  await Promise.all([
    assertEndsWithNpm(t, ['simulate', '--', '--port', '0', '--customers', '5'], 'http://', env),
    assertEndsWithNpm(t, ['produce', '--', '--streams', 'plans', '--every', '1h'], 'next run', env),
    assertEndsWithNpm(t, ['sink'], 'sinking', env),
  ]);
});
