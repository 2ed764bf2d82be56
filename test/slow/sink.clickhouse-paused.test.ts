import assert from 'node:assert/strict';
import test from 'node:test';
import { gatherStatus } from '../../operations/status/gather-status.ts';
import { ownServer } from '../helpers/own-clickhouse.ts';
import { noSignal } from '../helpers/settings.ts';
import { createProxy } from '../helpers/proxy.ts';
import { createSinkBench, READ_WITHIN_MS, startSink } from '../helpers/sink-bench.ts';
import { createTopics } from '../helpers/topic.ts';
import { waitFor } from '../helpers/wait-for.ts';

test('a paused ClickHouse appears as lag and a stall, and receives its rows when it continues', async (t) => {
  const server = await ownServer(t);
  const { settings, send, hasRows, metric } = await createSinkBench(t, server.url);
  await createTopics(settings, 'plans', 'tasks');
  const { stop } = startSink(t, settings, ['plans', 'tasks']);
  for (const stream of ['plans', 'tasks']) {
    await send(stream, 0, 10);
    await hasRows(stream, 10);
  }
  const sees = (name: string, stream: string, expected: number) =>
    waitFor(
      `${name} to be ${expected} for ${stream}`,
      async () => (await metric(name, stream)) === expected,
      READ_WITHIN_MS,
    );
  await sees('lag_messages', 'plans', 0);
  await sees('lag_messages', 'tasks', 0);

  server.child.kill('SIGSTOP');
  await send('plans', 10, 60);
  await sees('lag_messages', 'plans', 50);
  await sees('buffered_messages', 'plans', 50);
  await waitFor('the stall', async () => (await metric('stalled_seconds', 'plans')) > 0, READ_WITHIN_MS);
  assert.equal(await metric('lag_messages', 'tasks'), 0);
  server.child.kill('SIGCONT');
  await hasRows('plans', 60);
  await sees('lag_messages', 'plans', 0);
  await sees('stalled_seconds', 'plans', 0);

  // No sink reads the new messages: status reports that as a problem.
  assert.deepEqual(
    (await stop()).map(({ failure }) => failure),
    [undefined, undefined],
  );
  await send('plans', 60, 70);
  const { streams } = await gatherStatus(settings, ['plans'], noSignal, {
    maxAgeMs: 86_400_000,
    watchMs: 1_000,
  });
  assert.deepEqual(
    { lag: streams[0]?.lag, problems: streams[0]?.problems.length },
    { lag: 10n, problems: 1 },
  );
  assert.match(streams[0]?.problems[0]?.message ?? '', /lag of ~10 messages and no progress/);
});

test('a sink stopped while ClickHouse is unavailable fails the streams with new messages', async (t) => {
  const { settings, send, hasRows, metric } = await createSinkBench(t);
  await createTopics(settings, 'plans', 'tasks');
  await send('tasks', 0, 10);
  const proxy = await createProxy(t, settings.clickhouse.url);
  const clickhouse = { ...settings.clickhouse, url: proxy.url };
  const { stop } = startSink(t, { ...settings, clickhouse }, ['plans', 'tasks']);
  await hasRows('tasks', 10);
  await waitFor('the offsets', async () => (await metric('lag_messages', 'tasks')) === 0);
  proxy.cut();
  // These are the first messages of plans, so the sink has not learned the schema yet.
  await send('plans', 0, 10);
  // A stall of more than 2 s shows that the sink has fetched the messages.
  await waitFor('the stall', async () => (await metric('stalled_seconds', 'plans')) > 2);
  assert.deepEqual(
    (await stop()).map(({ stream, failure }) => [stream, failure?.message.split(' (')[0]]),
    [
      ['plans', 'not all messages were inserted'],
      ['tasks', undefined],
    ],
  );
});
