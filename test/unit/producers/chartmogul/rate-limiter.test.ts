import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { RateLimiter } from '../../../../producers/chartmogul/rate-limiter.ts';

test('callers pass in order and at even intervals', () => {
  const limiter = new RateLimiter(100);
  assert.deepEqual(
    [0, 0, 0, 5, 5].map((nowMs) => limiter.reserve(nowMs)),
    [0, 10, 20, 30, 40],
  );
});

test('time without callers does not allow a burst afterwards', () => {
  const limiter = new RateLimiter(20);
  limiter.reserve(0);
  assert.deepEqual(
    { first: limiter.reserve(10_000), second: limiter.reserve(10_000) },
    { first: 10_000, second: 10_050 },
  );
});

test('no one-second window exceeds the rate, whenever callers arrive', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 200 }), (gaps) => {
      const limiter = new RateLimiter(38);
      let nowMs = 0;
      const turns = gaps.map((gap) => limiter.reserve((nowMs += gap)));
      for (const [first, atMs] of turns.entries()) {
        const within = turns.slice(first).filter((other) => other - atMs < 1000 - 1e-6);
        assert.ok(within.length <= 38);
      }
    }),
  );
});

test('a refusal lowers the rate once within a second; another within three seconds halves it', () => {
  const limiter = new RateLimiter(40);
  for (const nowMs of [0, 10, 500, 999]) limiter.refused(nowMs);
  assert.equal(limiter.perSecond, 38);
  limiter.refused(1_000);
  assert.equal(limiter.perSecond, 19);
  limiter.refused(3_999);
  assert.equal(limiter.perSecond, 9.5);
});

test('a refusal three seconds after another lowers the rate by only 5%', () => {
  const limiter = new RateLimiter(40);
  limiter.refused(0);
  for (let answer = 0; answer < 2_000; answer++) limiter.accepted();
  limiter.refused(3_000);
  assert.equal(limiter.perSecond, 38);
});

test('the rate never falls below one per second', () => {
  const limiter = new RateLimiter(40);
  for (let second = 0; second < 20; second++) limiter.refused(second * 1_000);
  assert.equal(limiter.perSecond, 1);
});

test('accepted requests raise the rate quickly, then slowly near the last refused rate', () => {
  const limiter = new RateLimiter(40);
  // A refusal within 3 s of the last one halves the rate.
  limiter.refused(0);
  for (let answer = 0; answer < 2_000; answer++) limiter.accepted();
  limiter.refused(2_999);
  for (let answer = 0; answer < 20; answer++) limiter.accepted();
  assert.ok(limiter.perSecond > 26 && limiter.perSecond < 28, `the fast rise led to ${limiter.perSecond}`);
  while (limiter.perSecond < 36) limiter.accepted();
  const before = limiter.perSecond;
  for (let answer = 0; answer < 36; answer++) limiter.accepted();
  const risen = limiter.perSecond - before;
  assert.ok(risen > 0.4 && risen < 0.6, `the slow rise was ${risen} in a second`);
  for (let answer = 0; answer < 2_000; answer++) limiter.accepted();
  assert.equal(limiter.perSecond, 40);
});

test('callers released together by a pause do not all pass at the same time', () => {
  const limiter = new RateLimiter(10);
  const waits = Array.from({ length: 30 }, () => limiter.pass(5_000));
  assert.deepEqual(waits, [...Array<number>(11).fill(0), ...Array<number>(19).fill(1_010)]);
  assert.equal(limiter.pass(6_009), 1);
  assert.equal(limiter.pass(6_010), 0);
});

test('a caller that waits for the window does not postpone the next turn', async () => {
  const limiter = new RateLimiter(200);
  const { signal } = new AbortController();
  // Fills the window, as callers that a pause releases together would.
  const nowMs = performance.now();
  for (let caller = 0; caller < 201; caller++) limiter.pass(nowMs);
  await limiter.turn(signal);
  const waitedMs = performance.now() - nowMs;
  assert.ok(waitedMs >= 1_000, `the turn came after only ${waitedMs} ms`);
  assert.ok(limiter.reserve(0) < nowMs + 500, 'the next turn was postponed');
});

test('all callers wait as long as the server asks, up to a limit', () => {
  const limiter = new RateLimiter(40);
  limiter.refused(1_000, 5_000);
  assert.equal(limiter.reserve(1_100), 6_000);
  limiter.refused(10_000, 86_400_000);
  assert.equal(limiter.reserve(10_000), 130_000);
});

test('a caller that waits for the window also waits as long as the server asks', async () => {
  const limiter = new RateLimiter(200);
  const { signal } = new AbortController();
  const startMs = performance.now();
  for (let caller = 0; caller < 201; caller++) limiter.pass(startMs);
  const turn = limiter.turn(signal);
  limiter.refused(startMs, 1_300);
  await turn;
  const waitedMs = performance.now() - startMs;
  // Timers may fire slightly early. A turn that ignored the server would come after 1,010 ms.
  assert.ok(waitedMs >= 1_290, `the turn came after only ${waitedMs} ms`);
});

test('an abort ends the wait', async () => {
  const limiter = new RateLimiter(0.001);
  const stop = new AbortController();
  await limiter.turn(stop.signal);
  const waiting = limiter.turn(stop.signal);
  stop.abort();
  await assert.rejects(waiting);
});
