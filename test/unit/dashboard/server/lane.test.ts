import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ServiceUnavailableError } from '../../../../core/errors.ts';
import { Lane } from '../../../../dashboard/server/lane.ts';

const never = new AbortController().signal;

/** Creates a lane and collects the functions that end its work. */
function createLane(running: number, waiting: number) {
  const lane = new Lane('queries', { running, waiting });
  const ends: (() => void)[] = [];
  const run = (signal = never) => lane.run(signal, () => new Promise<void>((resolve) => ends.push(resolve)));
  return { run, ends };
}

test('a lane runs and queues work up to its limits, and refuses the rest', async () => {
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

test('work that is cancelled while it waits frees its place immediately', async () => {
  const { run, ends } = createLane(1, 1);
  const first = run();
  for (let turn = 0; turn < 3; turn += 1) {
    const controller = new AbortController();
    const waiting = run(controller.signal);
    await assert.rejects(run(), ServiceUnavailableError);
    controller.abort(new Error('the page was closed'));
    await assert.rejects(waiting, /the page was closed/);
  }
  const last = run();
  ends[0]?.();
  await first;
  await setImmediate();
  assert.equal(ends.length, 2);
  const next = run();
  await assert.rejects(run(), ServiceUnavailableError);
  ends[1]?.();
  await last;
  await setImmediate();
  ends[2]?.();
  await next;
});

test('a lane skips work that was cancelled while it waited, and failed work frees its place', async () => {
  const { run, ends } = createLane(1, 1);
  const first = run();
  const controller = new AbortController();
  const second = assert.rejects(run(controller.signal), /cancelled/);
  controller.abort(new Error('cancelled'));
  await setImmediate();
  ends[0]?.();
  await first;
  await second;
  assert.equal(ends.length, 1);
  const lane = new Lane('queries', { running: 1, waiting: 1 });
  await assert.rejects(
    lane.run(never, () => Promise.reject(new Error('failed'))),
    /failed/,
  );
  assert.equal(await lane.run(never, () => Promise.resolve(1)), 1);
});
