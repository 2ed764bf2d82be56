import assert from 'node:assert/strict';
import { test } from 'node:test';
import { produceStreams } from '../helpers/pipeline.ts';
import { createSettings } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';

test('the client respects the API limits, so the API returns no 429 or 503', async (t) => {
  const { baseUrl } = await createSimulatorServer(t, {
    customers: 50,
    seed: 5,
    rateLimit: 40,
    connectionLimit: 20,
    latency: 100,
  });
  const settings = createSettings(t, baseUrl);
  // The rate of all streams together. It is below the default of 39.5, because a machine that has
  // paused briefly sends all queued requests in a burst.
  const chartmogul = { ...settings.chartmogul, maxRequestsPerSecond: 20 };
  const counts = await produceStreams({ ...settings, chartmogul });
  assert.deepEqual(counts.map(({ failure }) => failure).filter(Boolean), []);
  assert.equal(
    counts.reduce((sum, { retries }) => sum + retries, 0),
    0,
  );
});
