import assert from 'node:assert/strict';
import { test } from 'node:test';
import { qualified } from '../../core/clickhouse/client.ts';
import { topicOf } from '../../core/stream-name.ts';
import { createApiServer } from '../helpers/api-server.ts';
import { runCommand } from '../helpers/command.ts';
import { command } from '../helpers/plans-table.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { createProducer, messagesOf } from '../helpers/topic.ts';

test('produce exits with 1 if a record was rejected, and sink exits with 1 if a stream failed', async (t) => {
  const { baseUrl } = await createApiServer(t, {
    '/plans': `{"plans":[{"name":"no uuid"}],"has_more":false}`,
  });
  const settings = createSettings(t, baseUrl);
  const env = environmentOf(settings);
  const produced = await runCommand(t, 'commands/produce.ts', ['--streams', 'plans'], env);
  assert.equal(produced.exitCode, 1, produced.stderr);
  const producer = await createProducer(t, settings);
  const topic = topicOf(settings.topicPrefix, 'plans');
  const sinkPlans = () => runCommand(t, 'commands/sink.ts', ['--streams', 'plans', '--until-caught-up'], env);
  await producer.send({ topic, messages: [{ key: 'x', value: Buffer.from('{}') }] });
  const withLetter = await sinkPlans();
  assert.equal(withLetter.exitCode, 0, withLetter.stderr);
  assert.match(withLetter.stdout, /^plans +plans_raw +0 .* 1 +ok$/m);
  await command(
    settings,
    `ALTER TABLE ${qualified(settings.clickhouse.database, 'plans_raw')} ADD CONSTRAINT none CHECK uuid = ''`,
  );
  const records = Array.from({ length: 300 }, (_, index) => ({ uuid: `pl_${index}` }));
  await producer.send({ topic, messages: await messagesOf(settings, 'plans', records) });
  const failed = await sinkPlans();
  assert.equal(failed.exitCode, 1, failed.stderr);
  assert.match(failed.stdout, /plans failed: table plans_raw refuses every row/);
});
