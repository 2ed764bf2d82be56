import test from 'node:test';
import { qualified } from '../../core/clickhouse/client.ts';
import { topicOf } from '../../core/stream-name.ts';
import { command } from '../helpers/plans-table.ts';
import { createSettings } from '../helpers/settings.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { startGroupSink, countOf } from '../helpers/group-sinks.ts';

test('a table that is dropped while the topic is quiet is recreated and filled again', async (t) => {
  const settings = createSettings(t);
  await createTopics(settings, 'plans');
  const producer = await createProducer(t, settings);
  const messages = await messagesOf(settings, 'plans', [{ uuid: 'a' }, { uuid: 'b' }]);
  await producer.send({ topic: topicOf(settings.topicPrefix, 'plans'), messages });
  const stop = startGroupSink(t, settings, ['plans']);
  await waitFor('the rows', async () => (await countOf(settings, 'plans_raw')) === 2);
  await command(settings, `DROP TABLE ${qualified(settings.clickhouse.database, 'plans_raw')} SYNC`);
  await waitFor('the rows again', async () => (await countOf(settings, 'plans_raw')) === 2);
  await stop();
});
