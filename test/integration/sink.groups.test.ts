import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { sink } from '../../consumers/run/sink.ts';
import { qualified } from '../../core/clickhouse/client.ts';
import type { Settings } from '../../core/settings/config.ts';
import { topicOf } from '../../core/stream-name.ts';
import { command } from '../helpers/plans-table.ts';
import { createSettings } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';
import { waitFor } from '../helpers/wait-for.ts';

function startSink(t: TestContext, settings: Settings, streams: readonly string[] | undefined) {
  const stop = new AbortController();
  const running = sink(settings, { streams, untilCaughtUp: false }, stop.signal);
  running.catch(() => {});
  t.after(() => stop.abort());
  return async () => {
    stop.abort();
    for (const { failure } of await running) assert.equal(failure, undefined);
  };
}

/** 0 while there is no such table. */
const countOf = async (settings: Settings, table: string) => {
  const [row] = await rowsOf(settings, `SELECT count() AS n FROM ${table}`).catch(() => []);
  return Number(row?.['n'] ?? 0);
};

test('a table that is dropped while nothing comes in is made and filled again', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  const producer = await createProducer(t, settings);
  const messages = await messagesOf(settings, 'plans', [{ uuid: 'a' }, { uuid: 'b' }]);
  await producer.send({ topic: topicOf(settings.topicPrefix, 'plans'), messages });
  const stop = startSink(t, settings, ['plans']);
  await waitFor('the rows', async () => (await countOf(settings, 'plans_raw')) === 2);
  await command(settings, `DROP TABLE ${qualified(settings.clickhouse.database, 'plans_raw')} SYNC`);
  await waitFor('the rows again', async () => (await countOf(settings, 'plans_raw')) === 2);
  await stop();
});
