import assert from 'node:assert/strict';
import test from 'node:test';
import { RateLimiter } from '../../producers/chartmogul/rate-limiter.ts';

const never = new AbortController().signal;

test('callers go through in order and at even distances', async () => {
  const limiter = new RateLimiter(100);
  const startMs = performance.now();
  const turns: { caller: number; atMs: number }[] = [];
  const callers = Array.from({ length: 20 }, async (_, caller) => {
    await limiter.turn(never);
    turns.push({ caller, atMs: performance.now() });
  });
  await Promise.all(callers);
  assert.deepEqual(
    turns.map(({ caller }) => caller),
    [...turns.keys()],
  );
  // A timer may go off a millisecond early.
  assert.ok((turns.at(-1)?.atMs ?? 0) - startMs >= 19 * 10 - 2);
});

test('time that nobody used is not saved up', async () => {
  const limiter = new RateLimiter(20);
  await limiter.turn(never);
  await new Promise((resolve) => setTimeout(resolve, 120));
  const startMs = performance.now();
  await Promise.all([limiter.turn(never), limiter.turn(never)]);
  assert.ok(performance.now() - startMs >= 48);
});

test('an abort ends the wait', async () => {
  const limiter = new RateLimiter(0.001);
  await limiter.turn(never);
  const stop = new AbortController();
  const waiting = limiter.turn(stop.signal);
  stop.abort();
  await assert.rejects(waiting);
});
