import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startCommand } from '../helpers/command.ts';
import { committedKeys, isAtCursor, progressOf } from '../helpers/committed.ts';
import { produceStreams } from '../helpers/pipeline.ts';
import { answersAll, createPlansServer, cursorOf, holdBack, planKeys } from '../helpers/plans-server.ts';
import { createSettings, environmentOf } from '../helpers/settings.ts';
import { stopCommand } from '../helpers/stop-command.ts';

const entry = 'commands/produce.ts';

const plans = ['--streams', 'plans'];

const runs = [
  { name: 'a single run', args: plans, exitCode: 1, expected: /^stopped by SIGTERM$/m },
  { name: 'a run on a schedule', args: [...plans, '--every', '1s'], exitCode: 0, expected: /^/ },
];

for (const { name, args, exitCode, expected } of runs) {
  test(`SIGTERM during ${name} commits the pages that were read and exits with ${exitCode}`, async (t) => {
    const server = await createPlansServer(t);
    const settings = createSettings(t, server.baseUrl);
    const { isAsked } = holdBack(server, 'page 6');
    const command = startCommand(t, entry, args, environmentOf(settings));
    await isAsked;
    const stopped = await stopCommand(command);
    assert.equal(stopped.exitCode, exitCode, stopped.stderr);
    assert.match(stopped.stdout, /^plans stopped before the end; the next run resumes there$/m);
    assert.match(stopped.stderr, expected);
    assert.deepEqual(await committedKeys(settings, 'plans'), planKeys.slice(0, 10));
    assert.ok(isAtCursor(cursorOf(6))(await progressOf(settings, 'plans')));
    server.onRequest = answersAll;
    server.cursors.length = 0;
    const [next] = await produceStreams(settings, 'plans');
    assert.deepEqual(
      { failure: next?.failure, isResumed: next?.isResumed },
      { failure: undefined, isResumed: true },
    );
    assert.deepEqual(server.cursors, [6, 7, 8].map(cursorOf));
    assert.deepEqual(await committedKeys(settings, 'plans'), planKeys);
  });
}

test('SIGTERM between two scheduled runs ends the schedule immediately with exit code 0', async (t) => {
  const server = await createPlansServer(t);
  const settings = createSettings(t, server.baseUrl);
  const command = startCommand(t, entry, [...plans, '--every', '1h'], environmentOf(settings));
  await command.logged('next run');
  const { exitCode, stdout } = await stopCommand(command);
  assert.equal(exitCode, 0);
  assert.match(stdout, /^plans +8 /m);
});

test('SIGTERM during lookups deletes nothing, and a later complete run deletes the record', async (t) => {
  const server = await createPlansServer(t);
  const settings = createSettings(t, server.baseUrl);
  await produceStreams(settings, 'plans');
  server.deleted.add('pl_01');
  const { isAsked } = holdBack(server, 'pl_01');
  const command = startCommand(t, entry, plans, environmentOf(settings));
  await isAsked;
  const { exitCode } = await stopCommand(command);
  assert.equal(exitCode, 1);
  assert.deepEqual(await committedKeys(settings, 'plans'), planKeys);
  server.onRequest = answersAll;
  await produceStreams(settings, 'plans');
  const [complete] = await produceStreams(settings, 'plans');
  assert.equal(complete?.failure, undefined);
  assert.deepEqual(await committedKeys(settings, 'plans'), ['pl_01', ...planKeys]);
});
