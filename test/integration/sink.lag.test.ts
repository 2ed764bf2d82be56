import assert from 'node:assert/strict';
import test from 'node:test';
import { topicOf } from '../../core/stream-name.ts';
import { createProxy } from '../helpers/proxy.ts';
import { createSinkBench, READ_WITHIN_MS, startSink } from '../helpers/sink-bench.ts';
import { createTopics } from '../helpers/topic.ts';
import { waitFor } from '../helpers/wait-for.ts';

test('a sink with --until-caught-up ends and reports a failure when a topic is deleted', async (t) => {
  const { settings, admin, send, hasRows, metric } = await createSinkBench(t);
  await createTopics(settings, 'plans', 'tasks');
  await send('plans', 0, 10);
  await send('tasks', 0, 10);
  const proxy = await createProxy(t, settings.clickhouse.url);
  const { running } = startSink(
    t,
    { ...settings, clickhouse: { ...settings.clickhouse, url: proxy.url } },
    ['plans', 'tasks'],
    true,
  );
  // Once its metrics endpoint responds, the sink is running, and the proxy can block it.
  await waitFor('the sink', () =>
    metric('failed', 'plans').then(
      () => true,
      () => false,
    ),
  );
  proxy.hang();
  await admin.deleteTopics({ topics: [topicOf(settings.topicPrefix, 'plans')] });
  proxy.restore();
  const counts = await running;
  assert.deepEqual(
    counts.map(({ stream, failure }) => [stream, failure?.name]),
    [
      ['plans', 'TopicGoneError'],
      ['tasks', undefined],
    ],
  );
  await hasRows('tasks', 10);
});

test('lag and stall time grow while ClickHouse hangs', async (t) => {
  const { settings, send, hasRows, metric } = await createSinkBench(t);
  await createTopics(settings, 'plans');
  const proxy = await createProxy(t, settings.clickhouse.url);
  startSink(t, { ...settings, clickhouse: { ...settings.clickhouse, url: proxy.url } }, ['plans']);
  await send('plans', 0, 10);
  await hasRows('plans', 10);
  const sees = (name: string, isSo: (value: number) => boolean) =>
    waitFor(name, async () => isSo(await metric(name, 'plans')), READ_WITHIN_MS);
  await sees('lag_messages', (lag) => lag === 0);
  proxy.hang();
  await send('plans', 10, 60);
  await sees('lag_messages', (lag) => lag === 50);
  await sees('buffered_messages', (buffered) => buffered === 50);
  await sees('stalled_seconds', (seconds) => seconds > 0);
  await send('plans', 60, 100);
  await sees('lag_messages', (lag) => lag === 90);
  proxy.restore();
  await sees('lag_messages', (lag) => lag === 0);
  await sees('buffered_messages', (buffered) => buffered === 0);
  await sees('stalled_seconds', (seconds) => seconds === 0);
  await hasRows('plans', 100);
});
