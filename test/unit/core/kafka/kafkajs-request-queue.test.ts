import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { replaceKafkajsRequestChecks } from '../../../../core/kafka/kafkajs-request-queue.ts';
import { waitFor } from '../../../helpers/wait-for.ts';

interface RequestQueue {
  throttleCheckTimeoutId: unknown;
  push(request: object): void;
  fulfillRequest(answer: object): void;
  maybeThrottle(ms: number): void;
  destroy(): void;
}

/**
 * Returns a queue that allows one request in flight, the ids of the requests that it has sent, and
 * a function that adds a request.
 */
function createQueue(): { queue: RequestQueue; sent: number[]; push: (id: number) => void } {
  replaceKafkajsRequestChecks();
  const Queue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue/index.js') as new (
    options: object,
  ) => RequestQueue;
  const silent = { debug: () => undefined, error: () => undefined };
  const queue = new Queue({
    maxInFlightRequests: 1,
    requestTimeout: 60_000,
    logger: { ...silent, namespace: () => silent },
    isConnected: () => true,
  });
  const sent: number[] = [];
  const push = (correlationId: number) =>
    queue.push({
      entry: { correlationId, resolve: () => undefined, reject: () => undefined },
      expectResponse: true,
      requestTimeout: 60_000,
      sendRequest: () => sent.push(correlationId),
    });
  return { queue, sent, push };
}

const answerTo = (correlationId: number) => ({ correlationId, payload: Buffer.alloc(0), size: 0 });

test('a kafkajs connection does not run a timer while no request is waiting', (t) => {
  const { queue, sent, push } = createQueue();
  t.after(() => queue.destroy());
  push(1);
  queue.fulfillRequest(answerTo(1));
  assert.deepEqual(sent, [1]);
  assert.equal(queue.throttleCheckTimeoutId, null);
});

test('a waiting request is sent after the response to the previous one', (t) => {
  const { queue, sent, push } = createQueue();
  t.after(() => queue.destroy());
  push(1);
  push(2);
  assert.deepEqual(sent, [1]);
  queue.fulfillRequest(answerTo(1));
  assert.deepEqual(sent, [1, 2]);
});

test('a request is sent after the throttle time that the broker requires', async (t) => {
  const { queue, sent, push } = createQueue();
  t.after(() => queue.destroy());
  queue.maybeThrottle(50);
  push(1);
  assert.deepEqual(sent, []);
  await waitFor('the request', () => sent.length === 1);
});
