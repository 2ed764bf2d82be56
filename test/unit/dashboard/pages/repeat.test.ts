import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { repeatWhileVisible } from '../../../../dashboard/pages/shared/repeat.ts';

const PAUSE_MS = 5_000;

/** Repeats the work on a simulated page. By default, the work ends immediately. */
function start(t: TestContext, work: () => Promise<void> = () => Promise.resolve()) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const page = Object.assign(new EventTarget(), { hidden: false });
  let count = 0;
  const end = repeatWhileVisible(page, PAUSE_MS, () => {
    count += 1;
    return work();
  });
  return {
    end,
    count: () => count,
    pause: async () => {
      await setImmediate();
      t.mock.timers.tick(PAUSE_MS);
      await setImmediate();
    },
    show: async (isVisible: boolean) => {
      page.hidden = !isVisible;
      page.dispatchEvent(new Event('visibilitychange'));
      await setImmediate();
    },
  };
}

test('a visible page repeats its work after each pause until the repetition ends', async (t) => {
  const { count, pause, end } = start(t);
  assert.equal(count(), 1);
  await pause();
  await pause();
  assert.equal(count(), 3);
  end();
  await pause();
  assert.equal(count(), 3);
});

test('a hidden page does nothing and repeats its work immediately when it becomes visible', async (t) => {
  const { count, pause, show, end } = start(t);
  await show(false);
  await pause();
  await pause();
  assert.equal(count(), 1);
  await show(true);
  assert.equal(count(), 2);
  await pause();
  assert.equal(count(), 3);
  await show(false);
  end();
  await show(true);
  assert.equal(count(), 3);
});

test('a page that is hidden during its work does not set a timer, and its runs never overlap', async (t) => {
  const ends: (() => void)[] = [];
  const { count, pause, show } = start(t, () => new Promise((resolve) => ends.push(resolve)));
  await show(false);
  await show(true);
  assert.equal(count(), 1);
  await show(false);
  ends[0]?.();
  await pause();
  assert.equal(count(), 1);
  await show(true);
  assert.equal(count(), 2);
});
