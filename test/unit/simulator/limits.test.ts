import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Faults } from '../../../simulator/faults.ts';
import { Limits } from '../../../simulator/limits.ts';
import { standardOptions } from '../../../simulator/options.ts';

function limits(options: { rateLimit?: number; connectionLimit?: number; retryAfter?: number }) {
  const clock = { now: 0 };
  const made = new Limits(
    { ...standardOptions, rateLimit: 0, connectionLimit: 0, ...options },
    () => clock.now,
  );
  /** Returns the status of one request that ends immediately. */
  const request = () => {
    const refused = made.begin();
    made.end();
    return refused?.status ?? 200;
  };
  return { limits: made, clock, request };
}

test('requests beyond the rate limit return 429 until a second has passed', () => {
  const { clock, request } = limits({ rateLimit: 3 });
  assert.deepEqual([request(), request(), request(), request()], [200, 200, 200, 429]);
  clock.now = 999;
  assert.equal(request(), 429);
  clock.now = 1000;
  assert.deepEqual([request(), request(), request(), request()], [200, 200, 200, 429]);
});

test('a limit of 0 accepts every request', () => {
  const { request } = limits({});
  assert.ok(Array.from({ length: 500 }, request).every((status) => status === 200));
});

test('requests beyond the connection limit return 503 until other requests have ended', () => {
  const { limits: made } = limits({ connectionLimit: 2 });
  assert.deepEqual(
    [made.begin()?.status, made.begin()?.status, made.begin()?.status],
    [undefined, undefined, 503],
  );
  made.end();
  made.end();
  assert.equal(made.begin(), undefined);
});

test('a 429 has a Retry-After header only if one is configured', () => {
  assert.equal(limits({}).limits.tooMany().headers, undefined);
  assert.deepEqual(limits({ retryAfter: 7 }).limits.tooMany().headers, { 'Retry-After': '7' });
});

test('faults occur at the configured rate, include every kind, and repeat with the same seed', () => {
  const draw = (seed: number) => {
    const faults = new Faults({ seed, faults: 0.25 });
    return Array.from({ length: 2000 }, () => faults.next());
  };
  const drawn = draw(1);
  const failed = drawn.filter((fault) => fault !== undefined);
  assert.ok(failed.length > 420 && failed.length < 580, String(failed.length));
  assert.equal(new Set(failed).size, 8);
  assert.deepEqual(draw(1), drawn);
  assert.notDeepEqual(draw(2), drawn);
});
