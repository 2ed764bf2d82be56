import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FencedError } from '../../core/errors.ts';
import { TransactionalProducer } from '../../producers/publish/transactional-producer.ts';
import { startCommand } from '../helpers/command.ts';
import { committedKeys, isAtCursor, untilProgress } from '../helpers/committed.ts';
import { produceStreams, produceWith } from '../helpers/pipeline.ts';
import { createPlansServer, cursorOf, holdBack, planKeys } from '../helpers/plans-server.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { waitFor } from '../helpers/wait-for.ts';

const entry = 'commands/produce.ts';

test('a takeover fences a run before its first transaction, and no record is sent twice', async (t) => {
  const server = await createPlansServer(t);
  const settings = createSettings(t, server.baseUrl);
  const held = holdBack(server, 'page 1');
  const first = produceStreams(settings, 'plans');
  await held.isAsked;
  const [second] = await produceWith(settings, { isTakingOver: true }, 'plans');
  assert.equal(second?.failure, undefined);
  assert.equal(second?.messages, planKeys.length);
  held.letGo();
  const [fenced] = await first;
  assert.ok(fenced?.failure instanceof FencedError, String(fenced?.failure));
  assert.match(fenced.failure.message, /another producer of the same stream has started.*TOPIC_PREFIX/);
  assert.equal(fenced.messages, 0);
  assert.deepEqual(await committedKeys(settings, 'plans'), planKeys);
});

test('a run fenced between two transactions exits with 1, and the takeover resumes it', async (t) => {
  const server = await createPlansServer(t);
  const settings = createSettings(t, server.baseUrl);
  const held = holdBack(server, 'page 4');
  const first = startCommand(t, entry, ['--streams', 'plans'], environmentOf(settings));
  await held.isAsked;
  await untilProgress(settings, 'plans', isAtCursor(cursorOf(4)));
  const [second] = await produceWith(settings, { isTakingOver: true }, 'plans');
  assert.equal(second?.failure, undefined);
  assert.equal(second?.isResumed, true);
  held.letGo();
  const { exitCode, stdout, stderr } = await first.result;
  assert.equal(exitCode, 1, stderr);
  assert.match(stdout, /^plans failed: another producer of the same stream has started/m);
  assert.doesNotMatch(stderr, /\n {4}at /);
  assert.deepEqual(await committedKeys(settings, 'plans'), planKeys);
});

test('a run that is fenced during lookups deletes nothing', async (t) => {
  const server = await createPlansServer(t);
  const settings = createSettings(t, server.baseUrl);
  await produceStreams(settings, 'plans');
  server.deleted.add('pl_01');
  const held = holdBack(server, 'pl_01');
  const first = produceStreams(settings, 'plans');
  await held.isAsked;
  server.deleted.clear();
  const [second] = await produceWith(settings, { isTakingOver: true }, 'plans');
  assert.equal(second?.failure, undefined);
  server.deleted.add('pl_01');
  held.letGo();
  const [fenced] = await first;
  assert.ok(fenced?.failure instanceof FencedError, String(fenced?.failure));
  assert.deepEqual(await committedKeys(settings, 'plans'), planKeys);
});

test('a failed commit ends the stream even while a page is awaited', async (t) => {
  const server = await createPlansServer(t);
  const settings = createSettings(t, server.baseUrl);
  const held = holdBack(server, 'page 2');
  let isOver = false;
  const first = produceStreams(settings, 'plans').finally(() => (isOver = true));
  await held.isAsked;
  // A run waits a second before it commits a page, so this producer fences it before its first
  // commit.
  const other = await TransactionalProducer.connect(settings, 'plans');
  t.after(() => other.close());
  await waitFor('the end of the run', () => isOver);
  held.letGo();
  const [fenced] = await first;
  assert.ok(fenced?.failure instanceof FencedError, String(fenced?.failure));
});
