import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import type { Settings } from '../../core/settings/config.ts';
import { subjectOf } from '../../core/stream-name.ts';
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
const plans = ['--streams', 'plans'];

/** A run that is killed while it waits for page 6, once the previous pages are committed. */
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

test('a failed stream keeps its committed pages, exits 1 by name, and resumes at that page', async (t) => {
  const server = await createPlansServer(t, sendsAt('page 6', 200, '{"error":"x"}'));
  const settings = createSettings(t, server.baseUrl);
  const failed = await runCommand(t, entry, plans, environmentOf(settings));
  assert.equal(failed.exitCode, 1, failed.stderr);
  assert.match(failed.stdout, /^plans failed: \/plans, page 6 must answer with a list/m);
  assert.deepEqual(await committedKeys(settings, 'plans'), planKeys.slice(0, 10));
  server.onRequest = answersAll;
  server.cursors.length = 0;
  const [counts] = await produceStreams(settings, 'plans');
  assert.deepEqual(
    { failure: counts?.failure, isResumed: counts?.isResumed },
    { failure: undefined, isResumed: true },
  );
  assert.deepEqual(server.cursors, [6, 7, 8].map(cursorOf));
  assert.deepEqual(await committedKeys(settings, 'plans'), planKeys);
});

test('a list restarts when its cursor is rejected on resume, and sends nothing twice', async (t) => {
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

test('a resumed run deletes nothing, and the next complete one does', async (t) => {
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

test('a run killed while it registered its first schema does not block the next one', async (t) => {
  const { baseUrl } = await createApiServer(t, {
    '/plans': '{"plans":[{"uuid":"pl_1","a_new_field":1}],"has_more":false}',
  });
  const settings = createSettings(t, baseUrl);
  // The first half of the client's registration: the compatibility of the subject is not set.
  const subject = subjectOf(settings.topicPrefix, 'plans');
  const answer = await fetch(`${settings.schemaRegistry.url}/subjects/${subject}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: JSON.stringify(readStreamSchema('plans')) }),
  });
  assert.equal(answer.status, 200);
  const [counts] = await produceStreams(settings, 'plans');
  assert.equal(counts?.failure, undefined);
  assert.deepEqual(counts?.newFields, [{ field: 'a_new_field', type: 'long' }]);
  const config = await fetch(`${settings.schemaRegistry.url}/config/${subject}`);
  assert.deepEqual(await config.json(), { compatibilityLevel: 'BACKWARD' });
});
