import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toJson } from '../../simulator/data/rendered.ts';
import { committedKeys } from '../helpers/committed.ts';
import { produceStreams, sinkStreams } from '../helpers/pipeline.ts';
import { waitingOf } from '../helpers/read-dead-letters.ts';
import { createSettings } from '../helpers/settings.ts';
import { createSimulatorServer } from '../helpers/simulator.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { createWebhook } from '../helpers/webhook.ts';

const STREAM = 'mrr_movement_events';

test('an event becomes one row however often it is sent, and the next run visits its customer', async (t) => {
  const { simulator, baseUrl } = await createSimulatorServer(t, { customers: 12 });
  const settings = createSettings(t, baseUrl);
  const requests = async () => {
    const counts = await produceStreams(settings, 'customer_activities');
    assert.deepEqual(counts.map(({ failure }) => failure).filter(Boolean), []);
    return counts.find(({ stream }) => stream === 'customer_activities')?.requests ?? NaN;
  };
  await requests();
  const { post } = await createWebhook(t, settings);
  const event = toJson([...simulator.events()].at(-1) ?? {});
  assert.deepEqual([await post(event), await post(` ${event}`)], [200, 200]);
  const afterEvent = await requests();
  assert.equal(afterEvent - (await requests()), 1);

  assert.deepEqual([await post('{"type":"other"}'), await post('{"type":"other"}')], [422, 422]);
  const [deadLetter, ...others] = await waitingOf(settings);
  assert.deepEqual(others, []);
  assert.deepEqual(
    [deadLetter?.stream, deadLetter?.step, deadLetter?.code, deadLetter?.value?.toString()],
    [STREAM, 'produce', 'ETL_NOT_AN_EVENT', '{"type":"other"}'],
  );

  assert.equal((await committedKeys(settings, STREAM)).length, 2);
  await sinkStreams(settings, STREAM);
  const { customer, movement_amount_in_cent: amount } = JSON.parse(event) as Record<
    string,
    { uuid?: string }
  >;
  assert.deepEqual(await rowsOf(settings, `SELECT customer_uuid, movement_amount_in_cent FROM ${STREAM}`), [
    { customer_uuid: customer?.uuid, movement_amount_in_cent: amount },
  ]);
});
