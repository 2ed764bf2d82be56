import assert from 'node:assert/strict';
import test from 'node:test';
import { CaughtUp } from '../../../../core/kafka/caught-up.ts';
import { SinkCounts } from '../../../../consumers/report/sink-counts.ts';
import { sinkSummary } from '../../../../consumers/report/sink-summary.ts';

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

test('CaughtUp waits for each partition of a topic in any order', async () => {
  for (const last of ends) {
    const caughtUp = new CaughtUp(ends);
    for (const { topic, partition, end } of ends.filter((one) => one !== last))
      caughtUp.advance(topic, partition, end);
    assert.deepEqual(caughtUp.behind, [last]);
    assert.ok(!(await isReached(caughtUp)));
  }
});

test('CaughtUp resolves at once without partitions', async () =>
  assert.ok(await isReached(new CaughtUp([]))));

test('CaughtUp does not wait for an abandoned topic', async () => {
  const caughtUp = new CaughtUp(ends);
  caughtUp.abandon('a');
  assert.deepEqual(caughtUp.behind, [ends[2]]);
  caughtUp.abandon('b');
  assert.ok(await isReached(caughtUp));
});

test('the summary has a line for every stream and every failure', () => {
  const count = { ...new SinkCounts('plans', 'plans_raw'), batches: 2, rows: 1234, insertSeconds: 0.04 };
  const failed = { ...count, stream: 'tasks', table: 'tasks_raw', failure: new Error('refused') };
  const lines = sinkSummary([count, failed]).split('\n');
  assert.match(lines[1] ?? '', /^plans +plans_raw +1,234 +2 +0 +ok$/);
  assert.match(lines[2] ?? '', /^tasks .* failed$/);
  assert.equal(lines[3], 'tasks failed: refused');
});

test('the summary reports dead letters if there are any', () => {
  const count = { ...new SinkCounts('plans', 'plans_raw'), deadLetters: 3 };
  const lines = sinkSummary([count]).split('\n');
  assert.match(lines[1] ?? '', /^plans +plans_raw +0 +0 +0 +3 +ok$/);
  assert.match(lines[2] ?? '', /^dead: /);
});
