import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedRead } from '../../../../dashboard/server/shared-read.ts';

/** Creates a shared read whose n-th result is n, and whose reads listed in `failing` fail. */
function createRead(failing: readonly number[] = []) {
  const counted = { reads: 0 };
  const read = new SharedRead(async () => {
    const at = ++counted.reads;
    await Promise.resolve();
    if (failing.includes(at)) throw new Error(`read ${at} failed`);
    return at;
  }, 5_000);
  return { read, counted };
}

test('a read is shared while it runs and for five seconds, then repeated', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { read, counted } = createRead();
  assert.deepEqual(await Promise.all([read.get(), read.get()]), [1, 1]);
  t.mock.timers.tick(4_999);
  assert.equal(await read.get(), 1);
  t.mock.timers.tick(1);
  assert.equal(await read.get(), 2);
  assert.equal(counted.reads, 2);
});

test('a read is repeated after `forget` and after a failure', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { read } = createRead([2]);
  const early = read.get();
  read.forget();
  await assert.rejects(read.get(), /read 2 failed/);
  assert.equal(await early, 1);
  assert.equal(await read.get(), 3);
  t.mock.timers.tick(4_999);
  assert.equal(await read.get(), 3);
});
