import assert from 'node:assert/strict';
import test, { describe } from 'node:test';
import {
  ServiceRefusedError,
  StoppedError,
  TopicGoneError,
  ViewFailedError,
} from '../../../../core/errors.ts';
import { FakeStream, rowsUpTo, settle, TOPIC_ID } from '../../../helpers/fake-stream.ts';

const refusal = new ServiceRefusedError('refused');

describe('inserting', () => {
  /**
   * Starts a stream. Its insert of offsets 0 and 1 waits for a response, while offset 2 is in the
   * next batch.
   */
  async function inserting() {
    const stream = await new FakeStream().start([0]);
    const insert = stream.hold('insert');
    await stream.fetchOffsets(0, 0, 1);
    await stream.fetchOffsets(0, 2);
    assert.ok(insert.isAsked);
    stream.takeConsumerCalls();
    stream.commits.length = 0;
    return { stream, insert };
  }

  test('a full next batch pauses fetching until the current insert has ended', async () => {
    const { stream, insert } = await inserting();
    await stream.fetchOffsets(0, 3);
    assert.deepEqual(stream.takeConsumerCalls(), ['pause']);
    await insert.answer();
    assert.deepEqual(stream.takeConsumerCalls(), ['resume']);
    assert.deepEqual(stream.inserts, ['0:0-1', '0:2-3']);
    await stream.stop();
  });

  test('an insert that returns after a rebalance commits nothing', async () => {
    const { stream, insert } = await inserting();
    stream.rows = [rowsUpTo(0, 1)];
    stream.sink.assign([0]);
    const positioning = stream.hold('partitionRows');
    await insert.answer();
    assert.deepEqual(
      { commits: stream.commits, inserts: stream.inserts },
      { commits: [], inserts: ['0:0-1'] },
    );
    await positioning.answer();
    assert.deepEqual(stream.takeConsumerCalls(), ['pause', 'seek 0@2', 'resume']);
    await stream.stop();
  });

  test('a block lookup that returns after a rebalance does not commit the revoked partition', async () => {
    const stream = await new FakeStream().start([0]);
    stream.commits.length = 0;
    const lookup = stream.hold('lastBlock');
    await stream.fetchOffsets(0, 0, 1);
    assert.ok(lookup.isAsked);
    stream.rows = [rowsUpTo(1, 3)];
    stream.sink.assign([1]);
    await lookup.answer();
    assert.deepEqual(
      stream.commits.map(([partition]) => partition),
      [1],
    );
    await stream.stop();
  });

  test('a sink inserts nothing if its topic lookup returns after a rebalance', async () => {
    const stream = await new FakeStream().start([0]);
    const lookup = stream.hold('topic');
    await stream.fetchOffsets(0, 0, 1);
    assert.ok(lookup.isAsked);
    stream.sink.assign([1]);
    await lookup.answer();
    assert.deepEqual(
      { inserts: stream.inserts, failure: stream.counts.failure },
      { inserts: [], failure: undefined },
    );
    await stream.stop();
  });

  test('an insert that fails after a rebalance leaves its rows to the new owner', async () => {
    const { stream, insert } = await inserting();
    stream.sink.assign([1]);
    await insert.fail(refusal);
    assert.equal(stream.counts.failure, undefined);
    assert.deepEqual(stream.takeConsumerCalls().slice(-2), ['seek 1@0', 'resume']);
    await stream.stop();
  });

  test('a materialized view that fails after a rebalance fails the stream', async () => {
    const { stream, insert } = await inserting();
    stream.sink.assign([1]);
    const failure = new ViewFailedError('a view fails');
    await insert.fail(failure);
    assert.equal(stream.counts.failure, failure);
    await stream.stop();
  });

  test('a failed insert fails the stream and discards the next batch', async () => {
    const { stream, insert } = await inserting();
    await insert.fail(refusal);
    assert.equal(stream.counts.failure, refusal);
    await stream.stop();
    assert.deepEqual(stream.inserts, ['0:0-1']);
  });

  test('a sink whose table changed discards the next batch, relearns the schema and repositions', async () => {
    const { stream, insert } = await inserting();
    stream.outcomes.push({ kind: 'refused', reason: 'code 16' });
    stream.matchesColumns = false;
    stream.takeRequests();
    await insert.answer();
    assert.deepEqual(stream.takeRequests(), ['learnLatest', 'partitionRows', 'topic', 'committed']);
    assert.deepEqual(
      { calls: stream.takeConsumerCalls(), inserts: stream.inserts },
      { calls: ['pause', 'seek 0@0', 'resume'], inserts: ['0:0-1'] },
    );
    await stream.stop();
  });

  test('a refused batch is inserted again row by row, and the refused row becomes a dead letter', async () => {
    const { stream, insert } = await inserting();
    const refused = { kind: 'refused', reason: 'code 469' } as const;
    stream.outcomes.push(refused, refused, refused);
    await insert.answer();
    await stream.fetchOffsets(0, 0, 1);
    assert.deepEqual(stream.inserts, ['0:0-1', '0:0-1', '0:0-0', '0:1-1']);
    assert.deepEqual(
      { deadLetters: stream.deadLetters, commit: stream.commits.at(-1) },
      {
        deadLetters: ['0'],
        commit: [0, { offset: 2n, metadata: `${TOPIC_ID} table1 1 0 all_1` }],
      },
    );
    await stream.stop();
  });

  test('a sink repositions when an insert returns after the topic was recreated', async () => {
    const { stream, insert } = await inserting();
    stream.topicId = 8n;
    stream.sink.noticeTopic(8n);
    await insert.answer();
    assert.deepEqual(stream.takeConsumerCalls(), ['pause', 'seek 0@0', 'resume']);
    await stream.stop();
    assert.deepEqual(stream.inserts, ['0:0-1']);
  });

  test('a sink relearns a changed table even if the topic was recreated before the refusal', async () => {
    const { stream, insert } = await inserting();
    stream.topicId = 8n;
    stream.sink.noticeTopic(8n);
    stream.outcomes.push({ kind: 'refused', reason: 'code 16' });
    stream.matchesColumns = false;
    stream.takeRequests();
    await insert.answer();
    assert.equal(stream.takeRequests()[0], 'learnLatest');
    await stream.stop();
  });

  test('an insert that returns after the topic is gone is committed', async () => {
    const { stream, insert } = await inserting();
    stream.sink.noticeTopic(undefined);
    await insert.answer();
    assert.ok(stream.counts.failure instanceof TopicGoneError);
    assert.deepEqual(
      stream.commits.map(([, { offset }]) => offset),
      [2n],
    );
    assert.ok(!stream.takeConsumerCalls().includes('resume'));
    await stream.stop();
    assert.deepEqual(stream.inserts, ['0:0-1']);
  });

  test('an insert that returns after a stop is committed, and the next batch is inserted', async () => {
    const { stream, insert } = await inserting();
    stream.sink.stop();
    await insert.answer();
    await stream.running;
    assert.deepEqual(stream.inserts, ['0:0-1', '0:2-2']);
    assert.deepEqual(
      stream.commits.map(([, { offset }]) => offset),
      [2n, 3n],
    );
    assert.equal(stream.counts.failure, undefined);
  });

  test('an insert that fails after a stop is reported, and nothing more is inserted', async () => {
    const { stream, insert } = await inserting();
    stream.sink.stop();
    await insert.fail(refusal);
    await stream.running;
    assert.ok(stream.counts.failure instanceof StoppedError);
    assert.match(stream.counts.failure.message, /^not all messages were inserted \(refused\)/);
    assert.deepEqual(
      { inserts: stream.inserts, failures: stream.failures },
      { inserts: ['0:0-1'], failures: 0 },
    );
  });

  test('a stopped sink whose table has changed inserts nothing after the refused batch', async () => {
    const { stream, insert } = await inserting();
    stream.outcomes.push({ kind: 'refused', reason: 'code 16' });
    stream.matchesColumns = false;
    stream.sink.stop();
    await insert.answer();
    await stream.running;
    assert.deepEqual(
      { inserts: stream.inserts, commits: stream.commits },
      { inserts: ['0:0-1'], commits: [] },
    );
    assert.equal(stream.counts.failure, undefined);
  });

  test('a stopped sink inserts nothing more from partitions that a rebalance revokes', async () => {
    const { stream, insert } = await inserting();
    stream.sink.stop();
    stream.sink.assign([]);
    await insert.answer();
    await stream.running;
    assert.deepEqual(
      { inserts: stream.inserts, commits: stream.commits },
      { inserts: ['0:0-1'], commits: [] },
    );
    assert.equal(stream.counts.failure, undefined);
  });

  test('a sink seeks past rows that another sink inserted after the position was found', async () => {
    const stream = await new FakeStream().start([0]);
    stream.rows = [rowsUpTo(0, 3)];
    await stream.fetchOffsets(0, 0, 1);
    assert.deepEqual(
      { inserts: stream.inserts, call: stream.consumerCalls.at(-2) },
      { inserts: [], call: 'seek 0@4' },
    );
    await stream.stop();
  });

  test('full row buffers pause fetching, and free space resumes it', async () => {
    const stream = await new FakeStream().start([0]);
    const other = stream.buffers.acquire();
    const insert = stream.hold('insert');
    await stream.fetchOffsets(0, 0, 1);
    stream.takeConsumerCalls();
    other.length = 200 * 1024 * 1024;
    await stream.fetchOffsets(0, 2);
    assert.deepEqual(stream.takeConsumerCalls(), ['pause']);
    stream.buffers.release(other);
    assert.deepEqual(stream.takeConsumerCalls(), ['resume']);
    await insert.answer();
    await stream.stop();
  });
});

describe('failed', () => {
  async function failedStream() {
    const stream = await new FakeStream().start([0]);
    const insert = stream.hold('insert');
    await stream.fetchOffsets(0, 0, 1);
    await insert.fail(refusal);
    stream.takeConsumerCalls();
    return stream;
  }

  test('a failed stream is paused, accepts nothing, and calls its listeners once', async () => {
    const stream = await new FakeStream().start([0]);
    stream.takeConsumerCalls();
    const insert = stream.hold('insert');
    await stream.fetchOffsets(0, 0, 1);
    await insert.fail(refusal);
    assert.deepEqual(
      { calls: stream.takeConsumerCalls(), failures: stream.failures },
      { calls: ['pause'], failures: 1 },
    );
    await stream.fetchOffsets(0, 0, 1);
    assert.deepEqual(stream.inserts, ['0:0-1']);
    const { state, buffered } = stream.counts;
    assert.deepEqual({ state, buffered }, { state: 'failed', buffered: 0 });
    await stream.stop();
    assert.equal(stream.counts.failure, refusal);
  });

  test('a failed stream stays paused after a rebalance', async () => {
    const stream = await failedStream();
    stream.sink.assign([1]);
    await stream.fetchOffsets(1, 0, 1);
    // The consumer may be a new one, which fetches until it is paused.
    assert.deepEqual(stream.takeConsumerCalls(), ['pause']);
    assert.deepEqual(stream.inserts, ['0:0-1']);
    await stream.stop();
  });

  test('a failed stream recovers only after its table is replaced', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const stream = await failedStream();
    t.mock.timers.tick(5_000);
    await settle();
    assert.equal(stream.counts.failure, refusal);
    stream.tableIdentity = 'table2';
    stream.takeRequests();
    t.mock.timers.tick(5_000);
    await settle();
    assert.equal(stream.counts.failure, undefined);
    assert.deepEqual(stream.takeRequests().slice(0, 3), ['readIdentity', 'learnLatest', 'partitionRows']);
    assert.deepEqual(stream.takeConsumerCalls().slice(-2), ['seek 0@0', 'resume']);
    await stream.fetchOffsets(0, 0, 1);
    assert.deepEqual(stream.inserts, ['0:0-1', '0:0-1']);
    await stream.stop();
  });

  test('a stream whose topic disappeared recovers when the topic is back', async () => {
    const stream = await new FakeStream().start([0]);
    stream.sink.noticeTopic(undefined);
    await settle();
    stream.topicId = 8n;
    stream.sink.noticeTopic(8n);
    await settle();
    assert.equal(stream.counts.failure, undefined);
    await stream.fetchOffsets(0, 0, 1);
    assert.deepEqual(stream.inserts, ['0:0-1']);
    await stream.stop();
  });

  test('a stream whose topic disappeared keeps its failure if the topic is back only after a stop', async () => {
    const stream = await new FakeStream().start([0]);
    stream.sink.noticeTopic(undefined);
    stream.sink.stop();
    stream.sink.noticeTopic(8n);
    await stream.stop();
    assert.ok(stream.counts.failure instanceof TopicGoneError);
  });

  test('a stream whose topic is missing during positioning fails until the topic is back', async () => {
    const stream = new FakeStream();
    stream.topicId = undefined;
    await stream.start([0]);
    assert.ok(stream.counts.failure instanceof TopicGoneError);
    stream.topicId = TOPIC_ID;
    stream.sink.noticeTopic(TOPIC_ID);
    await settle();
    assert.equal(stream.counts.failure, undefined);
    await stream.stop();
  });

  test('a failed stream ignores changes to its topic', async () => {
    const stream = await failedStream();
    stream.sink.noticeTopic(undefined);
    stream.sink.noticeTopic(8n);
    await settle();
    assert.equal(stream.counts.failure, refusal);
    await stream.stop();
  });

  test('a table lookup that returns after a stop does not recover the stream', async () => {
    const stream = await failedStream();
    const lookup = stream.hold('readIdentity');
    stream.tableIdentity = 'table2';
    stream.sink.assign([1]);
    await settle();
    assert.ok(lookup.isAsked);
    stream.sink.stop();
    await lookup.answer();
    await stream.running;
    assert.equal(stream.counts.failure, refusal);
  });

  test('a stream that cannot reach its table stays failed', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const stream = await failedStream();
    const lookup = stream.hold('readIdentity');
    t.mock.timers.tick(5_000);
    await settle();
    await lookup.fail(refusal);
    assert.equal(stream.counts.failure, refusal);
    await stream.stop();
  });
});
