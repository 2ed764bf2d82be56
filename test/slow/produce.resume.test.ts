import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test, type TestContext } from 'node:test';
import type { Settings } from '../../core/settings/config.ts';
import { createApiServer } from '../helpers/api-server.ts';
import { runCommand, startCommand } from '../helpers/command.ts';
import {
  committedKeys,
  committedMessages,
  folded,
  isAtCursor,
  progressOf,
  untilProgress,
} from '../helpers/committed.ts';
import { produceStreams } from '../helpers/pipeline.ts';
import {
  answersAll,
  createPlansServer,
  cursorOf,
  hangsAt,
  planKeys,
  sendsAt,
  type PlansServer,
} from '../helpers/plans-server.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';

const entry = 'commands/produce.ts';

const CUSTOMERS = 40;

const VISITED = 15;

test('a run killed between customers resumes with the customers that it has not visited', async (t) => {
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

const plans = ['--streams', 'plans'];

/** Kills a run that waits for page 6 after it has committed the previous pages. */
async function runUntilKilled(t: TestContext, server: PlansServer, settings: Settings): Promise<void> {
  server.onRequest = hangsAt('page 6');
  const command = startCommand(t, entry, plans, environmentOf(settings));
  await untilProgress(settings, 'plans', isAtCursor(cursorOf(6)));
  command.kill('SIGKILL');
  const { exitCode } = await command.result;
  assert.equal(exitCode, null);
  server.onRequest = answersAll;
  server.cursors.length = 0;
}

test('a killed run resumes at the first page that was not committed', async (t) => {
  const server = await createPlansServer(t);
  const settings = createSettings(t, server.baseUrl);
  await runUntilKilled(t, server, settings);
  assert.deepEqual(await committedKeys(settings, 'plans'), planKeys.slice(0, 10));
  const { exitCode, stderr } = await runCommand(t, entry, plans, environmentOf(settings));
  assert.equal(exitCode, 0, stderr);
  assert.deepEqual(server.cursors, [6, 7, 8].map(cursorOf));
  assert.deepEqual(await committedKeys(settings, 'plans'), planKeys);
  const { checkpoint } = await progressOf(settings, 'plans');
  assert.deepEqual(
    { isComplete: checkpoint?.isComplete, pages: checkpoint?.pages, records: checkpoint?.records },
    { isComplete: true, pages: 8, records: 16 },
  );
});

test('a list whose cursor is rejected on resume is read from its start, and nothing is resent', async (t) => {
  const server = await createPlansServer(t, sendsAt('page 6', 200, '{"error":"x"}'));
  const settings = createSettings(t, server.baseUrl);
  await produceStreams(settings, 'plans');
  server.cursors.length = 0;
  const seen = { isRefused: false };
  server.onRequest = (what, { answer, send }) => {
    if (what === 'page 6' && !seen.isRefused) {
      seen.isRefused = true;
      send(400, '{"code":400,"message":"Invalid cursor"}');
    } else answer();
  };
  const [counts] = await produceStreams(settings, 'plans');
  assert.equal(counts?.failure, undefined);
  assert.deepEqual(server.cursors, [cursorOf(6), null, ...[2, 3, 4, 5, 6, 7, 8].map(cursorOf)]);
  assert.deepEqual({ new: counts?.new, unchanged: counts?.unchanged }, { new: 6, unchanged: 10 });
  assert.deepEqual(await committedKeys(settings, 'plans'), planKeys);
});

test('a resumed run deletes nothing, and the next complete run deletes the missing record', async (t) => {
  const server = await createPlansServer(t);
  const settings = createSettings(t, server.baseUrl);
  await produceStreams(settings, 'plans');
  server.deleted.add('pl_01');
  await runUntilKilled(t, server, settings);
  const [resumed] = await produceStreams(settings, 'plans');
  assert.deepEqual(
    { failure: resumed?.failure, isResumed: resumed?.isResumed, deleted: resumed?.deleted },
    { failure: undefined, isResumed: true, deleted: 0 },
  );
  const [complete] = await produceStreams(settings, 'plans');
  assert.deepEqual(
    { failure: complete?.failure, isResumed: complete?.isResumed, deleted: complete?.deleted },
    { failure: undefined, isResumed: false, deleted: 1 },
  );
  const messages = (await committedMessages(settings, 'plans')).get('plans') ?? [];
  assert.equal(messages.length, planKeys.length + 1);
  assert.deepEqual([...folded(messages).keys()].sort(), planKeys.slice(1));
});
