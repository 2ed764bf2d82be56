import assert from 'node:assert/strict';
import test from 'node:test';
import { ConfigError, RateLimitedError, SourceUnavailableError } from '../../../core/errors.ts';
import { retry } from '../../../core/retry.ts';

const policy = { attempts: 3, firstDelayMs: 1, maxDelayMs: 2 };
const never = new AbortController().signal;

/** Returns work that throws each error in turn and then succeeds. */
function createWork(...errors: Error[]) {
  let tries = 0;
  const work = () => {
    const error = errors[tries++];
    return error ? Promise.reject(error) : Promise.resolve('answer');
  };
  return { work, tries: () => tries };
}

test('retry repeats the work after a transient failure until it succeeds', async () => {
  const { work, tries } = createWork(new SourceUnavailableError('1'), new RateLimitedError('2'));
  assert.equal(await retry({}, policy, never, work), 'answer');
  assert.equal(tries(), 3);
});

test('retry throws the last error when its attempts are exhausted', async () => {
  const { work, tries } = createWork(...['1', '2', '3', '4'].map((text) => new SourceUnavailableError(text)));
  await assert.rejects(retry({}, policy, never, work), { name: 'SourceUnavailableError', message: '3' });
  assert.equal(tries(), 3);
});

for (const error of [
  new ConfigError('x'),
  new Error('x'),
  new TypeError('fetch failed'),
  new RangeError('x'),
]) {
  test(`retry does not repeat the work after ${error.name} (${error.message})`, async () => {
    const { work, tries } = createWork(error);
    await assert.rejects(retry({}, policy, never, work), error);
    assert.equal(tries(), 1);
  });
}

test('retry waits as long as the server asks', async () => {
  const { work } = createWork(new RateLimitedError('slow', { retryAfterMs: 60 }));
  const startMs = performance.now();
  await retry({}, policy, never, work);
  assert.ok(performance.now() - startMs >= 59);
});

test('retry stops when the server asks for a longer wait than the policy allows', async () => {
  const { work, tries } = createWork(new RateLimitedError('slow', { retryAfterMs: 121_000 }));
  // If retry waited, the signal would end the wait with its own error.
  const soon = AbortSignal.timeout(5_000);
  await assert.rejects(retry({}, { ...policy, maxRetryAfterMs: 2_000 }, soon, work), { message: 'slow' });
  assert.equal(tries(), 1);
});

for (const [name, retryAfterMs] of [
  ["the server's Retry-After", 60_000],
  ['the next attempt', undefined],
] as const) {
  test(`an abort ends the wait for ${name} and rejects with its reason`, async () => {
    const stop = new AbortController();
    const reason = new Error('stopped');
    const waiting = retry({}, { ...policy, firstDelayMs: 60_000, maxDelayMs: 60_000 }, stop.signal, () => {
      setImmediate(() => stop.abort(reason));
      return Promise.reject(new RateLimitedError('slow', { retryAfterMs }));
    });
    await assert.rejects(waiting, reason);
  });
}

test('retry does not start after an abort', async () => {
  const { work, tries } = createWork();
  await assert.rejects(retry({}, policy, AbortSignal.abort(new Error('stopped')), work), {
    message: 'stopped',
  });
  assert.equal(tries(), 0);
});
