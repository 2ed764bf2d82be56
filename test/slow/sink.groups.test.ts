import test from 'node:test';
import { topicOf } from '../../core/stream-name.ts';
import { createSettings } from '../helpers/settings.ts';
import { createProducer, createTopics, messagesOf } from '../helpers/topic.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { startGroupSink, countOf } from '../helpers/group-sinks.ts';

test('sinks of different streams share a group and store every message of their streams', async (t) => {
  const settings = createSettings(t);
  const keys = { plans: 'uuid', tasks: 'task_uuid', notes: 'uuid' } as const;
  const streams = Object.keys(keys) as (keyof typeof keys)[];
  await createTopics(settings, ...streams);
  const producer = await createProducer(t, settings);
  let sent = 0;
  const send = async () => {
    for (const stream of streams) {
      const records = Array.from({ length: 40 }, (_, index) => ({ [keys[stream]]: `k${sent + index}` }));
      const messages = await messagesOf(settings, stream, records);
      await producer.send({ topic: topicOf(settings.topicPrefix, stream), messages });
    }
    sent += 40;
  };
  const flows = async (...wanted: readonly (keyof typeof keys)[]) => {
    for (const stream of wanted)
      await waitFor(`${sent} rows of ${stream}`, async () => (await countOf(settings, stream)) === sent);
  };
  await send();
  const stops = [startGroupSink(t, settings, ['plans'])];
  await flows('plans');
  stops.push(startGroupSink(t, settings, ['tasks']));
  await flows('tasks');
  stops.push(startGroupSink(t, settings, ['notes', 'plans']));
  await flows('notes');
  await send();
  await flows(...streams);
  await Promise.all(stops.map((stop) => stop()));
});
