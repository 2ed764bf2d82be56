import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { EventHub } from '../../../../dashboard/server/live/event-hub.ts';
import { openEvents } from '../../../helpers/event-stream.ts';
import { waitFor } from '../../../helpers/wait-for.ts';

/** Serves a hub whose source records the signal of each run. */
async function serveHub(t: TestContext) {
  const hub = new EventHub(1);
  const signals: AbortSignal[] = [];
  hub.connect({
    run: async (signal) => {
      signals.push(signal);
      await once(signal, 'abort');
    },
    greeting: () => [['hello', { runs: signals.length }]],
  });
  const server = createServer((_request, response) => void hub.add(response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(async () => {
    await hub.close();
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { hub, signals, url: `http://127.0.0.1:${port}/` };
}

test('EventHub runs its source once for two clients and stops it when both disconnect', async (t) => {
  const { hub, signals, url } = await serveHub(t);
  const [first, second] = [await openEvents(t, url), await openEvents(t, url)];
  assert.deepEqual(await first.next('hello'), { runs: 0 });
  assert.deepEqual(await second.next('hello'), { runs: 1 });
  hub.send('news', [1]);
  assert.deepEqual([await first.next('news'), await second.next('news')], [[1], [1]]);
  first.close();
  hub.send('news', [2]);
  assert.deepEqual(await second.next('news'), [2]);
  assert.deepEqual([signals.length, signals[0]?.aborted], [1, false]);
  second.close();
  await waitFor('the end of the source', () => signals[0]?.aborted === true);
  assert.equal(hub.isRunning, false);
  const third = await openEvents(t, url);
  await third.next('hello');
  await waitFor('another start of the source', () => signals.length === 2);
});

test('EventHub ends its streams and its source when it closes', async (t) => {
  const { hub, signals, url } = await serveHub(t);
  const client = await openEvents(t, url);
  await client.next('hello');
  await hub.close();
  await client.ended;
  assert.deepEqual([signals.length, signals[0]?.aborted], [1, true]);
});
