import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ServiceUnavailableError } from '../../../../core/errors.ts';
import { Lane } from '../../../../dashboard/server/lane.ts';

const never = new AbortController().signal;

/** A lane whose work ends when the test says so. */
function createLane(running: number, waiting: number) {
  const lane = new Lane('queries', { running, waiting });
  const ends: (() => void)[] = [];
  const run = (signal = never) => lane.run(signal, () => new Promise<void>((resolve) => ends.push(resolve)));
  return { run, ends };
}

test('a lane runs some work at once, keeps some waiting, and refuses the rest', async () => {
  const { run, ends } = createLane(2, 1);
  const accepted = [run(), run(), run()];
  await setImmediate();
  assert.equal(ends.length, 2);
  await assert.rejects(run(), (error) => {
    assert.ok(error instanceof ServiceUnavailableError);
    assert.equal(error.message, 'the dashboard is busy: 1 queries are waiting; try again in a minute');
    return true;
  });
  ends[0]?.();
  await accepted[0];
  await setImmediate();
  assert.equal(ends.length, 3);
  for (const end of ends) end();
  await Promise.all(accepted);
});

test('a lane passes over work that was cancelled while it waited, and failed work frees its place', async () => {
  const { run, ends } = createLane(1, 1);
  const first = run();
  const controller = new AbortController();
  const second = run(controller.signal);
  controller.abort(new Error('cancelled'));
  await setImmediate();
  ends[0]?.();
  await first;
  await assert.rejects(second, /cancelled/);
  const lane = new Lane('queries', { running: 1, waiting: 1 });
  await assert.rejects(
    lane.run(never, () => Promise.reject(new Error('failed'))),
    /failed/,
  );
  assert.equal(await lane.run(never, () => Promise.resolve(1)), 1);
});
