import assert from 'node:assert/strict';
import test from 'node:test';
import kafkajs from 'kafkajs';
import { reconcile } from '../../operations/reconcile/reconcile.ts';
import { MAX_DECODED_MIB, setSizeLimit } from '../../core/size-limit.ts';
import { topicOf } from '../../core/stream-name.ts';
import { createApiServer } from '../helpers/api-server.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createProducer } from '../helpers/topic.ts';

const MIB = 1024 * 1024;

test('a decompression bomb stops only its stream, and the error names its position', async (t) => {
  const list = (name: string) => JSON.stringify({ [name]: [{ uuid: `${name}_1` }], has_more: false });
  const { baseUrl } = await createApiServer(t, {
    '/plans': list('plans'),
    '/plan_groups': list('plan_groups'),
  });
  const settings = createSettings(t, baseUrl);
  const streams = ['plans', 'plan_groups'];
  assert.deepEqual(
    (await produceStreams(settings, ...streams)).map(({ messages }) => messages),
    [1, 1],
  );

  const topic = topicOf(settings.topicPrefix, 'plans');
  const producer = await createProducer(t, settings);
  const { GZIP } = kafkajs.CompressionTypes;
  const value = Buffer.alloc(18 * MIB);
  setSizeLimit(16);
  t.after(() => setSizeLimit(MAX_DECODED_MIB));
  for (const partition of [0, 1, 2, 3])
    await producer.send({ topic, messages: [{ key: `k${partition}`, value, partition }], compression: GZIP });

  const unreadable =
    /^topic \S+\.plans, partition \d: the record batch at offset \d cannot be read: its compression is GZIP: a batch decompresses to more than 16 MiB \(MAX_DECODED_MIB\)$/;
  const reasonOf = (counts: readonly { stream: string; failure?: Error | undefined }[], name: string) =>
    counts.find(({ stream }) => stream === name)?.failure?.message ?? '';
  for (const run of [sinkStreams, produceStreams]) {
    const counts = await run(settings, ...streams);
    assert.match(reasonOf(counts, 'plans'), unreadable);
    assert.equal(reasonOf(counts, 'plan_groups'), '');
  }
  const compared = await reconcile(settings, { streams, isRepair: false }, noSignal);
  assert.match(reasonOf(compared, 'plans'), unreadable);
  assert.equal(reasonOf(compared, 'plan_groups'), '');
  assert.deepEqual(await rowsOf(settings, 'SELECT uuid FROM plan_groups'), [{ uuid: 'plan_groups_1' }]);
});
