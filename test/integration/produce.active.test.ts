import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RetriableError, RunActiveError } from '../../core/errors.ts';
import { Secret } from '../../core/settings/secret.ts';
import { createApiServer } from '../helpers/api-server.ts';
import { startCommand } from '../helpers/command.ts';
import { committedKeys } from '../helpers/committed.ts';
import { produceStreams, produceWith } from '../helpers/pipeline.ts';
import { createPlansServer, holdBack, planKeys } from '../helpers/plans-server.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';

const entry = 'commands/produce.ts';

test('a second run ends neither an active run nor a schedule that waits for its next run', async (t) => {
  let onAsked = () => {};
  const isAsked = new Promise<void>((resolve) => (onAsked = resolve));
  const held: { answer?: () => void } = {};
  const { baseUrl } = await createApiServer(t, {
    '/ping': (_, response) =>
      response
        .writeHead(response.req.headers.authorization === `Basic ${btoa('test-key:')}` ? 200 : 401)
        .end('{"data":"pong!"}'),
    '/plans': (_, response) => {
      const answer = () => response.end('{"plans":[{"uuid":"pl_1"}],"has_more":false}');
      if (held.answer !== undefined) answer();
      else {
        held.answer = answer;
        onAsked();
      }
    },
    '/tasks': '{"entries":[{"task_uuid":"t_1"}],"has_more":false}',
  });
  const settings = createSettings(t, baseUrl);
  const env = environmentOf(settings);
  const scheduled = startCommand(t, entry, ['--streams', 'plans', '--every', '1h'], env);
  await isAsked;

  const { chartmogul } = settings;
  const mistyped = [
    { ...chartmogul, apiKey: new Secret('mistyped') },
    { ...chartmogul, baseUrl: 'http://127.0.0.1:1/v1' },
  ];
  // A takeover requires a valid key.
  const ofMistyped = mistyped.map(async (wrong) => {
    const [counts] = await produceWith({ ...settings, chartmogul: wrong }, { isTakingOver: true }, 'plans');
    assert.match(counts?.failure?.message ?? '', /CHARTMOGUL_API_KEY|127\.0\.0\.1:1\/v1/);
  });
  const second = assert.rejects(
    produceStreams(settings, 'plans', 'tasks'),
    (error) =>
      // The error is retriable, so a schedule continues with its next run.
      error instanceof RetriableError &&
      error instanceof RunActiveError &&
      /^another run claimed plans at 20\S+Z \(host \S+, process \d+\).*--take-over/.test(error.message),
  );
  await Promise.all([...ofMistyped, second]);
  const [tasks] = await produceStreams(settings, 'tasks');
  assert.deepEqual(
    { failure: tasks?.failure, messages: tasks?.messages },
    { failure: undefined, messages: 1 },
  );

  held.answer?.();
  await scheduled.logged('"next run"');
  const [byHand] = await produceStreams(settings, 'plans');
  assert.equal(byHand?.failure, undefined);
  scheduled.kill('SIGTERM');
  const { exitCode, stdout, stderr } = await scheduled.result;
  assert.equal(exitCode, 0, stdout + stderr);
  assert.deepEqual(await committedKeys(settings, 'plans'), ['pl_1']);
});

test('exactly one of several simultaneous runs continues', async (t) => {
  const server = await createPlansServer(t);
  const settings = createSettings(t, server.baseUrl);
  const held = holdBack(server, 'page 1');
  const runs = Array.from({ length: 4 }, () => produceStreams(settings, 'plans'));
  let refusals = 0;
  for (const run of runs)
    run.catch(() => {
      if (++refusals === runs.length - 1) held.letGo();
    });
  const outcomes = await Promise.allSettled(runs);
  const refused = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
  );
  assert.equal(refused.length, runs.length - 1);
  for (const reason of refused) assert.ok(reason instanceof RunActiveError, String(reason));
  assert.deepEqual(await committedKeys(settings, 'plans'), planKeys);
});
