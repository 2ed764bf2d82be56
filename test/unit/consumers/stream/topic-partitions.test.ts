import assert from 'node:assert/strict';
import test, { describe } from 'node:test';
import { CaughtUp } from '../../../../core/kafka/caught-up.ts';
import { FakeStream, rowsUpTo, settle, TOPIC, TOPIC_ID } from '../../../helpers/fake-stream.ts';
import { commitMetadata } from '../../../../consumers/stream/commit-metadata.ts';

const owner = { topicId: TOPIC_ID, table: 'table1' };
const commitOf = (offset: bigint, highest: bigint | undefined, deadLetters = 0) => ({
  offset,
  metadata: commitMetadata({ highest, deadLetters }, owner, 'all_1'),
});

/**
 * Starts and stops a stream that has this commit and whose table ends at offset 4 of partition 0.
 * Returns the consumer's seek and the stream's commits.
 */
async function resumed(commit: ReturnType<typeof commitOf>, set: (stream: FakeStream) => void = () => {}) {
  const stream = new FakeStream();
  stream.rows = [rowsUpTo(0, 4)];
  stream.committed = new Map([[0, commit]]);
  set(stream);
  await stream.start([0]);
  const seek = stream.takeConsumerCalls().find((call) => call.startsWith('seek'));
  const { commits } = stream;
  await stream.stop();
  return { seek, commits };
}

describe('resume offsets', () => {
  test('dead letters after the last row are skipped', async () => {
    const found = await resumed(commitOf(8n, 4n, 3), (stream) => (stream.deadLetterCount = 3));
    assert.deepEqual(found, { seek: 'seek 0@8', commits: [] });
  });

  test('dead letters that were redriven are read again', async () => {
    const found = await resumed(commitOf(8n, 4n, 3), (stream) => (stream.deadLetterCount = 2));
    assert.deepEqual(found, { seek: 'seek 0@5', commits: [] });
  });

  test('rows that merges removed are skipped', async () => {
    const found = await resumed(commitOf(10n, 9n), (stream) => (stream.isMergedAway = true));
    assert.deepEqual(found, { seek: 'seek 0@10', commits: [] });
  });

  test('rows that the table lost are inserted again, and the commit is corrected', async () => {
    const { seek, commits } = await resumed(commitOf(10n, 9n));
    assert.equal(seek, 'seek 0@5');
    assert.deepEqual(commits, [[0, commitOf(5n, 4n)]]);
  });

  test('a floor is the lowest offset to resume at', async () => {
    const stream = new FakeStream({ floors: new Map([[0, 7n]]) });
    stream.rows = [rowsUpTo(0, 4), rowsUpTo(1, 4)];
    await stream.start([0, 1]);
    assert.deepEqual(stream.takeConsumerCalls(), ['pause', 'seek 0@7', 'seek 1@5', 'resume']);
    await stream.stop();
  });

  test('a partition that the topic lacks starts at offset 0', async () => {
    const stream = await new FakeStream({ partitionCount: 1 }).start([0, 1]);
    assert.deepEqual(stream.takeConsumerCalls(), ['pause', 'seek 0@0', 'seek 1@0', 'resume']);
    await stream.stop();
  });
});

const stillHolds = ({ positions }: FakeStream) => positions.stillHold(TOPIC_ID, [0]);

describe('partitions', () => {
  test('a commit without rows keeps the highest row of the previous commit', async () => {
    const stream = await new FakeStream().start([0]);
    const { partitions, commits } = stream;
    const none = { highest: undefined, deadLetters: 2 };
    partitions.commit(new Map([[0, 5n]]), new Map([[0, { highest: 4n, deadLetters: 0 }]]), 'all_1');
    partitions.commit(new Map([[0, 7n]]), new Map([[0, none]]));
    assert.deepEqual(
      commits.map(([, commit]) => commit),
      [commitOf(5n, 4n), { offset: 7n, metadata: commitMetadata({ highest: 4n, deadLetters: 2 }, owner) }],
    );
    await stream.stop();
  });

  test('resuming seeks only in partitions whose fetched messages were not all accepted', async () => {
    const stream = await new FakeStream().start([0, 1]);
    const { partitions } = stream;
    partitions.advance(0, 3n, true);
    partitions.advance(1, 9n, false);
    assert.deepEqual(
      { partition0: partitions.next(0), partition1: partitions.next(1), partition2: partitions.next(2) },
      { partition0: undefined, partition1: 9n, partition2: undefined },
    );
    stream.takeConsumerCalls();
    partitions.hold(true);
    partitions.hold(true);
    partitions.hold(false);
    assert.deepEqual(stream.takeConsumerCalls(), ['pause', 'seek 0@3', 'resume']);
    assert.equal(partitions.next(0), 3n);
    await stream.stop();
  });

  test('lag counts every uncommitted message, and buffered counts only accepted messages', async () => {
    const stream = await new FakeStream().start([0]);
    stream.partitions.advance(0, 10n, false);
    assert.deepEqual(stream.partitions.lags, new Map([[0, { lag: 1_000, buffered: 10 }]]));
    stream.partitions.noticeEnd(0, 2_000n);
    stream.partitions.commit(new Map([[0, 10n]]), new Map());
    assert.deepEqual(stream.partitions.lags, new Map([[0, { lag: 1_990, buffered: 0 }]]));
    await stream.stop();
  });

  test('a commit of the end offset counts as caught up and survives the loss of the partition', async () => {
    const caughtUp = new CaughtUp([{ topic: TOPIC, partition: 0, end: 5n }]);
    const stream = await new FakeStream({ caughtUp }).start([0]);
    stream.partitions.commit(new Map([[0, 5n]]), new Map());
    await caughtUp.reached;
    stream.sink.assign([]);
    await settle();
    assert.equal(stream.partitions.done.get(0), 5n);
    await stream.stop();
  });

  test('an assignment ends the previous generation', async () => {
    const stream = await new FakeStream().start([0]);
    const { generation } = stream.partitions;
    assert.ok(!generation.aborted);
    stream.sink.assign([0]);
    assert.deepEqual(
      { before: generation.aborted, after: stream.partitions.generation.aborted },
      { before: true, after: false },
    );
    await stream.stop();
  });

  test('verification compares the rows until it has succeeded once', async () => {
    const stream = new FakeStream();
    stream.rows = [rowsUpTo(0, 4), rowsUpTo(1, 8)];
    await stream.start([0]);
    stream.takeRequests();
    stream.rows = [rowsUpTo(0, 4), rowsUpTo(1, 20)];
    assert.ok(await stillHolds(stream));
    stream.rows = [rowsUpTo(0, 9)];
    assert.ok(await stillHolds(stream));
    assert.deepEqual(stream.takeRequests(), ['topic', 'partitionRows', 'topic']);
    await stream.stop();
  });

  test('verification fails for a recreated topic and passes for a deleted one', async () => {
    const stream = await new FakeStream().start([0]);
    stream.topicId = 8n;
    assert.equal(await stillHolds(stream), false);
    stream.topicId = undefined;
    assert.equal(await stillHolds(stream), true);
    await stream.stop();
  });
});
