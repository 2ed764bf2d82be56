import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import { subjectOf } from '../../core/stream-name.ts';
import { createApiServer } from '../helpers/api-server.ts';
import { runCommand } from '../helpers/command.ts';
import { committedKeys } from '../helpers/committed.ts';
import { produceStreams } from '../helpers/pipeline.ts';
import { answersAll, createPlansServer, cursorOf, planKeys, sendsAt } from '../helpers/plans-server.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';

const entry = 'commands/produce.ts';

const plans = ['--streams', 'plans'];

test('a failed stream is reported, keeps its committed pages and resumes at the failed page', async (t) => {
  const server = await createPlansServer(t, sendsAt('page 6', 200, '{"error":"x"}'));
  const settings = createSettings(t, server.baseUrl);
  const failed = await runCommand(t, entry, plans, environmentOf(settings));
  assert.equal(failed.exitCode, 1, failed.stderr);
  assert.match(failed.stdout, /^plans failed: \/plans, page 6 must return a list/m);
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

test('a run that was killed while it registered its first schema does not block the next run', async (t) => {
  const { baseUrl } = await createApiServer(t, {
    '/plans': '{"plans":[{"uuid":"pl_1","a_new_field":1}],"has_more":false}',
  });
  const settings = createSettings(t, baseUrl);
  // This is the first half of a registration: the compatibility of the subject is not yet set.
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
