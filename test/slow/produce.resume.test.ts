import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { createApiServer } from '../helpers/api-server.ts';
import { startCommand } from '../helpers/command.ts';
import { committedKeys, untilProgress } from '../helpers/committed.ts';
import { produceStreams } from '../helpers/pipeline.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';

const entry = 'commands/produce.ts';

const CUSTOMERS = 40;
const VISITED = 15;

test('a run killed among customers resumes with the customers it has not visited', async (t) => {
  const customers = Array.from({ length: CUSTOMERS }, (_, index) => `cus_${100 + index}`);
  const visits: string[] = [];
  let isHanging = true;
  const listOf = (customer: string) => (_: URLSearchParams, response: ServerResponse) => {
    visits.push(customer);
    if (isHanging && visits.length > VISITED) return;
    response.end(`{"entries":[{"id":${customer.slice(4)}}],"has_more":false,"cursor":"x"}`);
  };
  const { baseUrl } = await createApiServer(t, {
    '/customers': JSON.stringify({ entries: customers.map((uuid) => ({ uuid })), has_more: false }),
    ...Object.fromEntries(customers.map((uuid) => [`/customers/${uuid}/subscriptions`, listOf(uuid)])),
  });
  const settings = createSettings(t, baseUrl);
  const args = ['--streams', 'customer_subscriptions'];
  const command = startCommand(t, entry, args, environmentOf(settings));
  await untilProgress(settings, 'customer_subscriptions', (progress) => progress.visits === VISITED);
  command.kill('SIGKILL');
  await command.result;
  const answered = visits.splice(0).slice(0, VISITED);
  isHanging = false;
  const counts = await produceStreams(settings, 'customer_subscriptions');
  assert.deepEqual(counts.map(({ failure }) => failure).filter(Boolean), []);
  assert.deepEqual(
    visits.sort(),
    customers.filter((customer) => !answered.includes(customer)),
  );
  const keys = await committedKeys(settings, 'customer_subscriptions');
  assert.equal(keys.length, CUSTOMERS);
  assert.equal(new Set(keys).size, CUSTOMERS);
});
