import assert from 'node:assert/strict';
import test, { describe } from 'node:test';
import { ServiceRefusedError, TopicGoneError } from '../../../../core/errors.ts';
import { CaughtUp } from '../../../../core/kafka/caught-up.ts';
import { FakeStream, message, rowsUpTo, settle, TOPIC } from '../../../helpers/fake-stream.ts';

const refusal = new ServiceRefusedError('refused');

describe('learning', () => {
  test('a sink learns the latest schema before it has partitions', async () => {
    const stream = await new FakeStream().start([]);
    await stream.sink.prepared;
    assert.equal(stream.takeRequests()[0], 'learnLatest');
    assert.deepEqual(stream.commits, []);
    await stream.stop();
  });

  test('partitions assigned during learning are positioned afterwards', async () => {
    const stream = new FakeStream();
    const learning = stream.hold('learnLatest');
    await stream.start();
    await stream.fetchOffsets(0, 0, 1);
    assert.deepEqual(
      { requests: stream.takeRequests(), calls: stream.takeConsumerCalls() },
      {
        requests: ['learnLatest'],
        calls: ['pause'],
      },
    );
    await learning.answer();
    assert.deepEqual(stream.takeConsumerCalls(), ['seek 0@0', 'resume']);
    assert.deepEqual(stream.inserts, []);
    await stream.stop();
  });

  test('a schema that cannot be learned fails the stream and ends every wait for the stream', async () => {
    const caughtUp = new CaughtUp([{ topic: TOPIC, partition: 0, end: 5n }]);
    const stream = new FakeStream({ caughtUp });
    const learning = stream.hold('learnLatest');
    await stream.start();
    await learning.fail(refusal);
    await stream.sink.prepared;
    await caughtUp.reached;
    assert.deepEqual(
      { failure: stream.counts.failure, failures: stream.failures },
      { failure: refusal, failures: 1 },
    );
    await stream.stop();
  });

  test('an unknown schema is learned after the preceding batch is inserted', async () => {
    const stream = await new FakeStream({ limits: { rows: 100 } }).start([0]);
    stream.takeConsumerCalls();
    stream.takeRequests();
    const learning = stream.hold('learn');
    await stream.fetch(0, message(0), message(1, 9), message(2, 9));
    assert.ok(learning.isAsked);
    assert.deepEqual(
      { inserts: stream.inserts, calls: stream.takeConsumerCalls() },
      { inserts: ['0:0-0'], calls: ['pause'] },
    );
    await learning.answer();
    assert.deepEqual(stream.takeConsumerCalls(), ['seek 0@1', 'resume']);
    await stream.fetch(0, message(1, 9), message(2, 9));
    await stream.stop();
    assert.deepEqual(stream.inserts, ['0:0-0', '0:1-2']);
  });

  test('a sink that learns a schema after a rebalance seeks to the new positions', async () => {
    const stream = await new FakeStream().start([0]);
    const learning = stream.hold('learn');
    await stream.fetch(0, message(0, 9));
    stream.rows = [rowsUpTo(1, 5)];
    stream.sink.assign([1]);
    await stream.fetchOffsets(1, 6, 7);
    stream.takeConsumerCalls();
    await learning.answer();
    assert.deepEqual(
      { calls: stream.takeConsumerCalls(), inserts: stream.inserts },
      { calls: ['seek 1@6', 'resume'], inserts: [] },
    );
    await stream.stop();
  });

  test('a sink that learns a schema after a stop inserts nothing more', async () => {
    const stream = await new FakeStream().start([0]);
    const learning = stream.hold('learn');
    await stream.fetch(0, message(0, 9));
    stream.sink.stop();
    await learning.answer();
    await stream.running;
    assert.deepEqual(
      { inserts: stream.inserts, failure: stream.counts.failure },
      { inserts: [], failure: undefined },
    );
  });

  test('a schema learned after the topic is gone leaves the stream failed', async () => {
    const stream = await new FakeStream().start([0]);
    const learning = stream.hold('learn');
    await stream.fetch(0, message(0, 9));
    stream.sink.noticeTopic(undefined);
    stream.takeConsumerCalls();
    await learning.answer();
    assert.ok(stream.counts.failure instanceof TopicGoneError);
    assert.ok(!stream.takeConsumerCalls().includes('resume'));
    await stream.stop();
  });

  test('messages received while a schema is being learned are fetched again', async () => {
    const stream = await new FakeStream().start([0, 1]);
    const learning = stream.hold('learn');
    await stream.fetch(0, message(0, 9));
    await stream.fetchOffsets(1, 0, 1);
    stream.takeConsumerCalls();
    await learning.answer();
    assert.deepEqual(stream.takeConsumerCalls(), ['seek 0@0', 'seek 1@0', 'resume']);
    assert.deepEqual(stream.inserts, []);
    await stream.stop();
  });
});

describe('positioning', () => {
  test('a partition resumes after its highest row in the table', async () => {
    const stream = new FakeStream();
    stream.rows = [rowsUpTo(0, 4), rowsUpTo(1, 8)];
    await stream.start([0, 1]);
    assert.deepEqual(stream.takeConsumerCalls(), ['pause', 'seek 0@5', 'seek 1@9', 'resume']);
    await stream.stop();
  });

  test('messages fetched before the position is known are ignored', async () => {
    const stream = new FakeStream();
    const positioning = stream.hold('partitionRows');
    stream.rows = [rowsUpTo(0, 4)];
    await stream.start();
    await stream.fetchOffsets(0, 0, 1);
    await positioning.answer();
    assert.deepEqual(stream.inserts, []);
    await stream.fetchOffsets(0, 5, 6);
    assert.deepEqual(stream.inserts, ['0:5-6']);
    await stream.stop();
  });

  test('a position found after a rebalance is discarded and looked up again', async () => {
    const stream = new FakeStream();
    const positioning = stream.hold('partitionRows');
    stream.rows = [rowsUpTo(0, 4)];
    await stream.start([0]);
    stream.rows = [rowsUpTo(0, 9), rowsUpTo(1, 2)];
    stream.sink.assign([0, 1]);
    await positioning.answer();
    assert.deepEqual(stream.takeConsumerCalls().slice(-3), ['seek 0@10', 'seek 1@3', 'resume']);
    await stream.stop();
  });

  test('a position found after a stop changes nothing', async () => {
    const stream = new FakeStream();
    const positioning = stream.hold('partitionRows');
    await stream.start();
    stream.sink.stop();
    await positioning.answer();
    await stream.running;
    assert.deepEqual(
      { inserts: stream.inserts, failure: stream.counts.failure },
      { inserts: [], failure: undefined },
    );
  });

  test('a position found after the topic is gone does not resume fetching', async () => {
    const stream = new FakeStream();
    const positioning = stream.hold('partitionRows');
    await stream.start();
    stream.sink.noticeTopic(undefined);
    await positioning.answer();
    await stream.fetchOffsets(0, 0, 1);
    assert.ok(stream.counts.failure instanceof TopicGoneError);
    assert.deepEqual(
      { calls: stream.takeConsumerCalls(), inserts: stream.inserts },
      { calls: ['pause'], inserts: [] },
    );
    await stream.stop();
  });

  test('a position that cannot be found fails the stream', async () => {
    const stream = new FakeStream();
    const positioning = stream.hold('partitionRows');
    await stream.start();
    await positioning.fail(refusal);
    assert.equal(stream.counts.failure, refusal);
    await stream.stop();
  });

  for (const request of ['topic', 'committed'] as const)
    test(`a ${request} lookup that returns after a rebalance positions only the new partitions`, async () => {
      const stream = new FakeStream();
      const lookup = stream.hold(request);
      await stream.start([0]);
      assert.ok(lookup.isAsked);
      stream.sink.assign([1]);
      await lookup.answer();
      assert.deepEqual(stream.takeConsumerCalls().slice(-2), ['seek 1@0', 'resume']);
      await stream.stop();
    });

  test('a stream without partitions does not look up a position', async () => {
    const stream = await new FakeStream().start([0]);
    stream.takeRequests();
    stream.sink.assign([]);
    await settle();
    assert.deepEqual(
      { requests: stream.takeRequests(), isAssigned: stream.sink.isAssigned },
      { requests: [], isAssigned: false },
    );
    await stream.stop();
  });
});
