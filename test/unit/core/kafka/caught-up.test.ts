import assert from 'node:assert/strict';
import test from 'node:test';
import { CaughtUp } from '../../../../core/kafka/caught-up.ts';

const ends = [
  { topic: 'a', partition: 0, end: 5n },
  { topic: 'a', partition: 1, end: 2n ** 60n },
  { topic: 'b', partition: 0, end: 1n },
];

async function isReached({ reached }: CaughtUp): Promise<boolean> {
  return Promise.race([
    reached.then(() => true),
    new Promise<false>((resolve) => setImmediate(() => resolve(false))),
  ]);
}

test('CaughtUp resolves when every partition has reached its end offset', async () => {
  const caughtUp = new CaughtUp(ends);
  const steps: readonly (readonly [string, number, bigint, boolean])[] = [
    ['a', 0, 4n, false],
    ['a', 0, 5n, false],
    ['b', 0, 9n, false],
    ['b', 1, 9n, false],
    ['c', 0, 9n, false],
    ['a', 1, 2n ** 60n - 1n, false],
    ['a', 1, 2n ** 60n, true],
    ['a', 1, 3n, true],
  ];
  for (const [topic, partition, next, expected] of steps) {
    caughtUp.advance(topic, partition, next);
    assert.equal(await isReached(caughtUp), expected, `${topic}/${partition} at ${next}`);
  }
  assert.deepEqual(caughtUp.behind, []);
});

test('CaughtUp waits for the last partition, whichever partition that is', async () => {
  for (const last of ends) {
    const caughtUp = new CaughtUp(ends);
    for (const { topic, partition, end } of ends.filter((one) => one !== last))
      caughtUp.advance(topic, partition, end);
    assert.deepEqual(caughtUp.behind, [last]);
    assert.ok(!(await isReached(caughtUp)));
  }
});

test('CaughtUp resolves immediately without partitions', async () =>
  assert.ok(await isReached(new CaughtUp([]))));

test('CaughtUp does not wait for an abandoned topic', async () => {
  const caughtUp = new CaughtUp(ends);
  caughtUp.abandon('a');
  assert.deepEqual(caughtUp.behind, [ends[2]]);
  caughtUp.abandon('b');
  assert.ok(await isReached(caughtUp));
});
