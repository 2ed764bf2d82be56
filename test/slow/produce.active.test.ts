import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCommand, startCommand } from '../helpers/command.ts';
import { committedKeys } from '../helpers/committed.ts';
import { createPlansServer, holdBack, planKeys } from '../helpers/plans-server.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';

const entry = 'commands/produce.ts';

test('a run waits for the claim of a killed run to expire, logs this once and can be stopped', async (t) => {
  const server = await createPlansServer(t);
  const settings = createSettings(t, server.baseUrl);
  const held = holdBack(server, 'page 4');
  const killed = startCommand(t, entry, ['--streams', 'plans'], environmentOf(settings));
  await held.isAsked;
  killed.kill('SIGKILL');
  await killed.result;
  const waiting = startCommand(t, entry, ['--streams', 'plans'], environmentOf(settings));
  await waiting.logged('waiting up to');
  waiting.kill('SIGTERM');
  const stopped = await waiting.result;
  assert.equal(stopped.exitCode, 1, stopped.stderr);
  assert.match(stopped.stderr, /^stopped by SIGTERM$/m);
  assert.equal(stopped.stderr.match(/another run claimed plans at .*waiting up to 6 s/g)?.length, 1);
  const { exitCode, stderr } = await runCommand(t, entry, ['--streams', 'plans'], environmentOf(settings));
  assert.equal(exitCode, 0, stderr);
  assert.deepEqual(await committedKeys(settings, 'plans'), planKeys);
});
