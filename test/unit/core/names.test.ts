import assert from 'node:assert/strict';
import test from 'node:test';
import {
  isStreamName,
  storageTableOf,
  streamOfTopic,
  subjectOf,
  topicOf,
  viewOf,
  whyNoStream,
} from '../../../core/stream-name.ts';

test('a stream has the documented topic, subject, table and view', () => {
  const names = [topicOf('chartmogul.', 'customers'), subjectOf('chartmogul.', 'customers')];
  assert.deepEqual(names, ['chartmogul.customers', 'chartmogul.customers-value']);
  assert.deepEqual(
    { table: storageTableOf('customers'), view: viewOf('customers') },
    { table: 'customers_raw', view: 'customers' },
  );
});

const topics: readonly (readonly [string, string | undefined])[] = [
  ['p.customers', 'customers'],
  ['p.metrics_mrr_churn_rate', 'metrics_mrr_churn_rate'],
  ['p.dead-letters', undefined],
  ['p.checkpoints', undefined],
  ['p.', undefined],
  ['q.customers', undefined],
  ['p.Orders', 'Orders'],
  ['p.my-topic', 'my-topic'],
  ['p.a.b.c', 'a.b.c'],
  ['p.1st', '1st'],
  ['p._own', '_own'],
  ['p.eu.dead-letters', undefined],
  ['p.eu.checkpoints', undefined],
  ['p.my-checkpoints', 'my-checkpoints'],
  ["p.a'b", undefined],
  ['p.a\n', undefined],
  ['__consumer_offsets', undefined],
];
for (const [topic, stream] of topics) {
  test(`the topic ${JSON.stringify(topic)} belongs to ${stream ?? 'no stream'}`, () =>
    assert.equal(streamOfTopic('p.', topic), stream));
}

const tables: readonly (readonly [stream: string, view: string])[] = [
  ['my-topic', 'my_topic'],
  ['a.b.c', 'a_b_c'],
  ['Orders', 'Orders'],
  ['1st', '_1st'],
  ['9-lives.v2', '_9_lives_v2'],
];
for (const [stream, view] of tables) {
  test(`the stream ${stream} has the view ${view}, and a subject named after its topic`, () => {
    assert.deepEqual({ view: viewOf(stream), table: storageTableOf(stream) }, { view, table: `${view}_raw` });
    assert.equal(subjectOf('p.', stream), `p.${stream}-value`);
  });
}

test('whyNoStream returns a reason only for long names and internal topics of other prefixes', () => {
  for (const topic of ['p.plans', 'p.dead-letters', 'p.checkpoints', 'q.x', 'p.'])
    assert.equal(whyNoStream('p.', topic), undefined);
  assert.match(whyNoStream('p.', `p.${'a'.repeat(101)}`) ?? '', /longer than 100/);
  assert.match(whyNoStream('p.', 'p.eu.dead-letters') ?? '', /another TOPIC_PREFIX/);
});

test('a stream name has at most 100 characters', () => {
  assert.ok(isStreamName('a'.repeat(100)));
  assert.ok(!isStreamName('a'.repeat(101)));
});
