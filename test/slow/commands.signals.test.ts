import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test, { type TestContext } from 'node:test';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';
import { waitFor } from '../helpers/wait-for.ts';

/**
 * Runs a command through npm, sends a signal once it is ready, and waits until all processes have
 * ended.
 * @returns the output
 */
async function outputUntilSignal(
  t: TestContext,
  args: readonly string[],
  ready: string,
  env: NodeJS.ProcessEnv,
  send: (npm: number) => void,
): Promise<string> {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const npm = spawn('npm', ['run', '--silent', ...args], { cwd: root, env, detached: true });
  const pid = npm.pid ?? assert.fail('npm did not start');
  t.after(() => {
    if (isAlive(-pid)) process.kill(-pid, 'SIGKILL');
  });
  let output = '';
  for (const stream of [npm.stdout, npm.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  await waitFor(`"${ready}" of ${args[0]}`, () => Promise.resolve(output.includes(ready)));
  send(pid);
  await waitFor(`the end of ${args[0]}`, () => Promise.resolve(!isAlive(-pid)));
  return output;
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
  const commands = [
    [['simulate', '--', '--port', '0', '--customers', '5'], 'http://'],
    [['produce', '--', '--streams', 'plans', '--every', '1h'], 'next run'],
    [['sink'], 'consuming topics'],
  ] as const;
  await Promise.all(
    commands.map(([args, ready]) =>
      outputUntilSignal(t, args, ready, env, (npm) => process.kill(npm, 'SIGTERM')),
    ),
  );
});

test('Ctrl-C, which the terminal sends and npm forwards, ends the command cleanly', async (t) => {
  const env = { ...environmentOf(createSettings(t)), HOME: process.env['HOME'] };
  const output = await outputUntilSignal(t, ['sink'], 'consuming topics', env, (npm) =>
    process.kill(-npm, 'SIGINT'),
  );
  assert.match(output, /^stream .*rows/m);
});
