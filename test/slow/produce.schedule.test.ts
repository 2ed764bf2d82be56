import assert from 'node:assert/strict';
import test from 'node:test';
import { isRunMissing } from '../../producers/run/missing-run.ts';
import { produceStreams } from '../helpers/pipeline.ts';
import { createPlansServer } from '../helpers/plans-server.ts';
import { createSettings, noSignal } from '../helpers/settings.ts';

test('a run is missing if earlier runs are recorded, but none since the given time', async (t) => {
  const settings = createSettings(t, (await createPlansServer(t)).baseUrl);
  const before = new Date();
  assert.equal(await isRunMissing(settings, before, noSignal), false, 'nothing was ever produced');
  await produceStreams(settings, 'plans');
  assert.equal(await isRunMissing(settings, before, noSignal), false);
  assert.equal(await isRunMissing(settings, new Date(), noSignal), true);
  const away = { ...settings, kafka: { ...settings.kafka, brokers: ['127.0.0.1:1'] } };
  assert.equal(await isRunMissing(away, new Date(), noSignal), false, 'Kafka does not respond');
});
