import assert from 'node:assert/strict';
import test, { describe } from 'node:test';
import { StoppedError, TopicGoneError, UnreadableBatchError } from '../../../../core/errors.ts';
import { CaughtUp } from '../../../../core/kafka/caught-up.ts';
import { UnreadableMessage, type BatchContext } from '../../../../core/kafka/decoder/fetched-message.ts';
import {
  FakeStream,
  message,
  poison,
  rowsUpTo,
  settle,
  TOPIC,
  TOPIC_ID,
} from '../../../helpers/fake-stream.ts';

describe('flowing', () => {
  test('a full batch is inserted, and its offset is committed with the highest row', async () => {
    const stream = await new FakeStream().start([0]);
    await stream.fetchOffsets(0, 0, 1);
    assert.deepEqual(stream.inserts, ['0:0-1']);
    assert.deepEqual(stream.commits.at(-1), [0, { offset: 2n, metadata: `${TOPIC_ID} table1 1 0 all_1` }]);
    assert.deepEqual(stream.counts.lag, new Map([[0, 998]]));
    await stream.stop();
  });

  test('a stop inserts a batch that is not due yet', async () => {
    const stream = await new FakeStream().start([0]);
    await stream.fetchOffsets(0, 0);
    assert.deepEqual(
      { inserts: stream.inserts, buffered: stream.counts.buffered },
      { inserts: [], buffered: 1 },
    );
    await stream.stop();
    assert.deepEqual(
      { inserts: stream.inserts, buffered: stream.counts.buffered },
      { inserts: ['0:0-0'], buffered: 0 },
    );
  });

  test('a batch is due when it reaches the end offsets that were read at startup', async () => {
    const caughtUp = new CaughtUp([{ topic: TOPIC, partition: 0, end: 1n }]);
    const stream = await new FakeStream({ caughtUp }).start([0]);
    await stream.fetchOffsets(0, 0);
    await caughtUp.reached;
    assert.deepEqual(stream.inserts, ['0:0-0']);
    await stream.stop();
  });

  test('a message that cannot become a row is counted as a dead letter in the commit', async () => {
    const stream = await new FakeStream({ limits: { rows: 1 } }).start([0]);
    await stream.fetch(0, message(0), poison(1), poison(2));
    assert.deepEqual(
      { deadLetters: stream.deadLetters, inserts: stream.inserts },
      { deadLetters: ['1', '2'], inserts: ['0:0-0'] },
    );
    assert.deepEqual(stream.commits.at(-1), [0, { offset: 3n, metadata: `${TOPIC_ID} table1 0 2 all_1` }]);
    await stream.stop();
  });

  test('a sink discards the batch and repositions after a message below the next offset', async () => {
    const stream = new FakeStream();
    stream.rows = [rowsUpTo(0, 4)];
    await stream.start([0]);
    await stream.fetchOffsets(0, 5);
    stream.takeConsumerCalls();
    await stream.fetchOffsets(0, 0, 1);
    assert.deepEqual(
      { calls: stream.takeConsumerCalls(), inserts: stream.inserts },
      { calls: ['pause', 'seek 0@5', 'resume'], inserts: [] },
    );
    await stream.stop();
  });

  test('a sink discards the batch and repositions when the topic was recreated', async () => {
    const stream = await new FakeStream().start([0]);
    await stream.fetchOffsets(0, 0);
    stream.takeConsumerCalls();
    stream.topicId = 8n;
    stream.sink.noticeTopic(8n);
    await settle();
    assert.deepEqual(stream.takeConsumerCalls(), ['pause', 'seek 0@0', 'resume']);
    await stream.fetchOffsets(0, 0, 1);
    assert.deepEqual(
      { inserts: stream.inserts, topicId: stream.partitions.topicId },
      { inserts: ['0:0-1'], topicId: 8n },
    );
    await stream.stop();
  });

  for (const id of [TOPIC_ID, 0n])
    test(`a stream with topic id ${TOPIC_ID} keeps its batch when the topic id is reported as ${id}`, async () => {
      const stream = await new FakeStream().start([0]);
      await stream.fetchOffsets(0, 0);
      stream.takeConsumerCalls();
      stream.sink.noticeTopic(id);
      await settle();
      assert.deepEqual(stream.takeConsumerCalls(), []);
      await stream.stop();
      assert.deepEqual(stream.inserts, ['0:0-0']);
    });

  test('a stream whose topic is gone fails and shows no lag', async () => {
    const stream = await new FakeStream().start([0]);
    await stream.fetchOffsets(0, 0);
    stream.sink.noticeTopic(undefined);
    await settle();
    assert.ok(stream.counts.failure instanceof TopicGoneError);
    const { lag, buffered, state } = stream.counts;
    assert.deepEqual({ lag, buffered, state }, { lag: new Map(), buffered: 0, state: 'failed' });
    await stream.stop();
    assert.deepEqual(stream.inserts, []);
  });

  test('an unreadable record batch fails the stream', async () => {
    const stream = await new FakeStream().start([0]);
    const error = new UnreadableBatchError('cannot be read');
    const unreadable = new UnreadableMessage('0', {} as BatchContext, error);
    await stream.fetch(0, unreadable);
    assert.ok(stream.counts.failure instanceof UnreadableBatchError);
    await stream.stop();
  });

  test('an idle stream whose table was replaced relearns the schema and repositions', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const stream = await new FakeStream().start([0]);
    stream.takeRequests();
    t.mock.timers.tick(5_000);
    await settle();
    assert.deepEqual(stream.takeRequests(), ['readIdentity']);
    stream.tableIdentity = 'table2';
    t.mock.timers.tick(5_000);
    await settle();
    assert.deepEqual(stream.takeRequests(), [
      'readIdentity',
      'learnLatest',
      'partitionRows',
      'topic',
      'committed',
    ]);
    await stream.stop();
  });

  test('a process that was removed from its group inserts only after it has rejoined', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const stream = await new FakeStream().start([0]);
    stream.isMember = false;
    await stream.fetchOffsets(0, 0, 1);
    t.mock.timers.tick(1_000_000);
    await settle();
    assert.deepEqual(stream.inserts, []);
    stream.isMember = true;
    t.mock.timers.tick(1_000_000);
    await settle();
    assert.deepEqual(stream.inserts, ['0:0-1']);
    await stream.stop();
  });

  test('a process that was removed from its group inserts nothing when it is stopped', async () => {
    const stream = await new FakeStream().start([0]);
    stream.isMember = false;
    await stream.fetchOffsets(0, 0, 1);
    await stream.stop();
    assert.deepEqual(stream.inserts, []);
    // The new owner of the partitions inserts the messages.
    assert.equal(stream.counts.failure, undefined);
  });
});

describe('stopping while a service is not responding', () => {
  const cut = new StoppedError('stopped by SIGINT');
  const text = 'not all messages were inserted (stopped by SIGINT): the next sink inserts the rest';

  test('messages whose schema is not learned yet are reported as not inserted', async () => {
    const stream = await new FakeStream().start([0]);
    const learning = stream.hold('learn');
    await stream.fetch(0, message(0, 9));
    assert.ok(learning.isAsked);
    stream.sink.stop();
    await learning.fail(cut);
    await stream.running;
    assert.equal(stream.counts.failure?.message, text);
  });

  for (const request of ['learnLatest', 'partitionRows'] as const)
    for (const { end, failure } of [
      { end: 2n, failure: text },
      { end: 0n, failure: undefined },
    ])
      test(`a stop during ${request} reports a topic that ends at ${end} as ${failure === undefined ? 'complete' : 'incomplete'}`, async () => {
        const stream = new FakeStream();
        const held = stream.hold(request);
        await stream.start([0]);
        stream.sink.noticeEnd(0, end);
        stream.sink.stop();
        await held.fail(cut);
        await stream.running;
        assert.equal(stream.counts.failure?.message, failure);
      });

  test('a stream whose messages are all inserted is not reported as incomplete', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const stream = new FakeStream();
    stream.ends = [2n];
    await stream.start([0]);
    await stream.fetchOffsets(0, 0, 1);
    const check = stream.hold('readIdentity');
    t.mock.timers.tick(5_000);
    await settle();
    assert.ok(check.isAsked);
    stream.sink.stop();
    await check.fail(cut);
    await stream.running;
    assert.deepEqual(
      { inserts: stream.inserts, failure: stream.counts.failure },
      { inserts: ['0:0-1'], failure: undefined },
    );
  });
});
