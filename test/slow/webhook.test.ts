import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { withConnections, type Connections } from '../../core/connections.ts';
import type { Settings } from '../../core/settings/config.ts';
import { chooseDeadLetters } from '../../operations/dead-letters/dead-letters.ts';
import { discardDeadLetters, redriveDeadLetters } from '../../operations/dead-letters/settle.ts';
import { freePort } from '../../services/local-address.ts';
import { startCommand } from '../helpers/command.ts';
import { committedKeys } from '../helpers/committed.ts';
import { sinkStreams } from '../helpers/pipeline.ts';
import { createProxy } from '../helpers/proxy.ts';
import { deadLettersOf, waitingOf } from '../helpers/read-dead-letters.ts';
import { createSettings, environmentOf, noSignal } from '../helpers/settings.ts';
import { stopCommand } from '../helpers/stop-command.ts';
import { rowsOf } from '../helpers/table-rows.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { createWebhook } from '../helpers/webhook.ts';

const STREAM = 'mrr_movement_events';

const event = (number: number, more: object = {}) =>
  JSON.stringify({ type: 'mrr_movement', customer: { uuid: `cus_${number}` }, ...more });

function withKafka(settings: Settings, work: (services: Connections<'admin'>) => Promise<void>) {
  return withConnections(settings, { name: 'test', needs: ['admin'] }, noSignal, work);
}

async function customersOf(settings: Settings, t: TestContext): Promise<unknown[]> {
  await sinkStreams(settings, STREAM);
  const rows = await rowsOf(settings, `SELECT customer_uuid FROM ${STREAM} ORDER BY 1`);
  t.diagnostic(`${rows.length} rows`);
  return rows.map((row) => row['customer_uuid']);
}

test('an event that a frozen schema rejects is stored once it is redriven', async (t) => {
  const settings = createSettings(t);
  const frozen = {
    ...settings,
    produce: { ...settings.produce, modes: new Map([[STREAM, 'freeze' as const]]) },
  };
  const { post, stop } = await createWebhook(t, frozen);
  assert.deepEqual([await post(event(1)), await post(event(2, { plan: 'gold' }))], [200, 422]);
  assert.deepEqual([await post(event(2, { plan: 'gold' })), await post('{"plan":"gold"}')], [422, 422]);
  await stop();
  const codes = (await waitingOf(settings)).map(({ code }) => code).sort();
  assert.deepEqual(codes, ['ETL_FROZEN_SCHEMA', 'ETL_NOT_AN_EVENT']);
  await withKafka(settings, async (services) => {
    const choice = await chooseDeadLetters(services, { filter: {} }, true);
    await redriveDeadLetters(services, choice, () => {});
  });
  assert.deepEqual(
    (await waitingOf(settings)).map(({ code, attempts }) => [code, attempts]),
    [['ETL_NOT_AN_EVENT', 1]],
  );
  assert.deepEqual(await customersOf(settings, t), ['cus_1', 'cus_2']);
  // A redriven event has the same digest as its retry.
  const again = await createWebhook(t, settings);
  assert.equal(await again.post(event(2, { plan: 'gold' })), 200);
  assert.deepEqual(await customersOf(settings, t), ['cus_1', 'cus_2']);
});

test('a retry of a request does not undo the discard of its dead letter', async (t) => {
  const settings = createSettings(t);
  const { post } = await createWebhook(t, settings);
  assert.equal(await post('{}'), 422);
  await withKafka(settings, async (services) => {
    const choice = await chooseDeadLetters(services, { filter: {} }, false);
    await discardDeadLetters(services, choice, 'a test', () => {});
  });
  assert.equal(await post('{}'), 422);
  assert.deepEqual(
    (await deadLettersOf(settings)).map(({ state }) => state),
    ['discarded'],
  );
});

test('an event with a new field waits for the registry, and is stored once', async (t) => {
  const shared = createSettings(t);
  const proxy = await createProxy(t, shared.schemaRegistry.url);
  const settings = { ...shared, schemaRegistry: { ...shared.schemaRegistry, url: proxy.url } };
  const { post } = await createWebhook(t, settings);
  proxy.cut();
  assert.equal(await post(event(1)), 200);
  assert.equal(await post(event(2, { plan: 'gold' })), 503);
  proxy.restore();
  await waitFor('the event', async () => (await post(event(2, { plan: 'gold' }))) === 200, 90_000);
  assert.deepEqual(await customersOf(shared, t), ['cus_1', 'cus_2']);
});

test('two receivers store the same events, and the table contains each event once', async (t) => {
  const settings = createSettings(t);
  const [first, second] = await Promise.all([createWebhook(t, settings), createWebhook(t, settings)]);
  const bodies = Array.from({ length: 50 }, (_, number) => event(number, { plan: 'gold' }));
  const sent = bodies.flatMap((body) => [first.post(body), second.post(body)]);
  assert.deepEqual(new Set(await Promise.all(sent)), new Set([200]));
  assert.equal(new Set(await committedKeys(settings, STREAM)).size, 50);
  assert.equal((await customersOf(settings, t)).length, 50);
});

test('SIGTERM under load does not lose acknowledged events, and the log hides the token', async (t) => {
  const settings = createSettings(t);
  const port = await freePort();
  const token = 'f1nd-m3-in-n0-l0g-line';
  const command = startCommand(t, 'commands/webhook.ts', [], {
    ...environmentOf(settings),
    WEBHOOK_TOKEN: token,
    WEBHOOK_PORT: String(port),
  });
  await command.logged('ready to store events');
  const url = `http://127.0.0.1:${port}/chartmogul/${token}`;
  const stored: number[] = [];
  let isRunning = true;
  const sendAll = async (from: number) => {
    for (let number = from; isRunning; number += 10) {
      const response = await fetch(url, { method: 'POST', body: event(number) }).catch(() => undefined);
      if (response?.status === 200) stored.push(number);
      if (response === undefined) return;
    }
  };
  const sending = Array.from({ length: 10 }, (_, from) => sendAll(from));
  await waitFor('some events', () => stored.length > 200);
  const { exitCode, stdout, stderr } = await stopCommand(command);
  isRunning = false;
  await Promise.all(sending);
  assert.equal(exitCode, 0);
  assert.match(stdout, /^http:\/\/127\.0\.0\.1:\d+\/chartmogul\/<WEBHOOK_TOKEN>\n$/);
  assert.ok(stderr.includes('"status":200') && !stderr.includes(token));
  const customers = new Set(await customersOf(settings, t));
  assert.deepEqual(
    stored.filter((number) => !customers.has(`cus_${number}`)),
    [],
  );
});
