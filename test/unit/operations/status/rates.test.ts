import assert from 'node:assert/strict';
import test from 'node:test';
import { ratesBetween, totalRates } from '../../../../operations/status/rates.ts';
import type { Status, StreamStatus } from '../../../../operations/status/stream-status.ts';

/**
 * @param partitions The end offset and lag of each partition; null if there is no topic, undefined
 *   if unknown.
 */
function statusAt(
  seconds: number,
  partitions: readonly (readonly [end: number, lag: number | undefined])[] | null | undefined,
): Status {
  const topic = partitions && {
    name: 'chartmogul.plans',
    partitions: partitions.map(([end, lag], partition) => ({
      partition,
      start: 0n,
      end: BigInt(end),
      lag: lag === undefined ? undefined : BigInt(lag),
    })),
  };
  const stream: StreamStatus = {
    ...{ stream: 'plans', topic, table: undefined, lag: undefined, lastRun: undefined },
    ...{ checkpoint: undefined, deadLetters: undefined, problems: [] },
  };
  return { atMs: seconds * 1000, streams: [stream], warnings: [], failures: [] };
}

const cases: readonly [
  title: string,
  before: Parameters<typeof statusAt>[1],
  after: Parameters<typeof statusAt>[1],
  expected: readonly [produced: number | undefined, sunk: number | undefined] | undefined,
][] = [
  ['both producer and sink make progress', [[100, 50]], [[300, 0]], [50, 62.5]],
  [
    'there are several partitions',
    [
      [10, 10],
      [10, 0],
    ],
    [
      [14, 10],
      [18, 0],
    ],
    [3, 3],
  ],
  ['nothing moves', [[7, 7]], [[7, 7]], [0, 0]],
  ['the topic is new', null, [[8, 4]], [2, 1]],
  ['ClickHouse did not respond', [[0, undefined]], [[8, undefined]], [2, undefined]],
  ['ClickHouse did not respond at first', [[0, undefined]], [[8, 0]], [2, undefined]],
  ['Kafka did not respond', [[0, 0]], undefined, undefined],
  ['Kafka did not respond at first', undefined, [[8, 0]], undefined],
  ['the topic was deleted', [[8, 0]], null, undefined],
  ['the topic was recreated', [[80, 0]], [[8, 0]], [undefined, undefined]],
];

for (const [title, before, after, expected] of cases) {
  const isUnknown = expected?.every((rate) => rate === undefined) === true;
  const rates = expected === undefined ? 'no rates' : isUnknown ? 'unknown rates' : 'messages per second';
  test(`ratesBetween returns ${rates} when ${title}`, () => {
    const found = ratesBetween(statusAt(10, before), statusAt(14, after)).get('plans');
    assert.deepEqual(found && [found.producedPerSecond, found.sunkPerSecond], expected);
  });
}

test('ratesBetween requires time between statuses, and totalRates adds up the known rates', () => {
  assert.equal(ratesBetween(statusAt(10, [[1, 0]]), statusAt(10, [[9, 0]])).size, 0);
  assert.deepEqual(totalRates([]), { producedPerSecond: undefined, sunkPerSecond: undefined });
  assert.deepEqual(
    totalRates([
      { producedPerSecond: 2, sunkPerSecond: undefined },
      { producedPerSecond: 0.5, sunkPerSecond: undefined },
    ]),
    { producedPerSecond: 2.5, sunkPerSecond: undefined },
  );
});
