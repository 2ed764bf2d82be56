import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startCommand } from '../helpers/command.ts';
import { committedKeys } from '../helpers/committed.ts';
import { produceStreams } from '../helpers/pipeline.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';
import { stopCommand } from '../helpers/stop-command.ts';

const entry = 'commands/produce.ts';

test('SIGTERM during a run ends a schedule with exit code 0, and the next run resumes', async (t) => {
  const { simulator, baseUrl } = await createSimulatorServer(t, { customers: 100, seed: 4, latency: 5 });
  const settings = createSettings(t, baseUrl);
  const slow = { ...settings, chartmogul: { ...settings.chartmogul, maxRequestsPerSecond: 30 } };
  const command = startCommand(t, entry, ['--every', '1s'], environmentOf(slow));
  await command.logged('"stream read"', 3);
  const { exitCode, stdout } = await stopCommand(command);
  assert.equal(exitCode, 0);
  assert.match(stdout, /customer_activities.* stopped before the end; the next run resumes there$/m);
  assert.doesNotMatch(stdout, /failed/);
  const counts = await produceStreams(settings);
  assert.deepEqual(counts.map(({ failure }) => failure).filter(Boolean), []);
  for (const stream of ['invoices', 'customer_subscriptions', 'customer_activities']) {
    const keys = await committedKeys(settings, stream);
    assert.equal(new Set(keys).size, keys.length, `${stream}: a record occurs twice`);
    assert.equal(keys.length, [...simulator.truth(stream)].length);
  }
});
