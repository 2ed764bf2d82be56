import assert from 'node:assert/strict';
import test from 'node:test';
import {
  isStreamName,
  storageTableOf,
  streamOfTopic,
  subjectOf,
  topicOf,
  viewOf,
} from '../../core/stream-name.ts';
import { textTable } from '../../core/text-table.ts';

test('the names of a stream are those that the documentation promises', () => {
  const names = [topicOf('chartmogul.', 'customers'), subjectOf('chartmogul.', 'customers')];
  assert.deepEqual(names, ['chartmogul.customers', 'chartmogul.customers-value']);
  assert.deepEqual([storageTableOf('customers'), viewOf('customers')], ['customers_raw', 'customers']);
});

const topics: readonly (readonly [string, string | undefined])[] = [
  ['p.customers', 'customers'],
  ['p.metrics_mrr_churn_rate', 'metrics_mrr_churn_rate'],
  ['p.dead-letters', undefined],
  ['p.checkpoints', undefined],
  ['p.', undefined],
  ['q.customers', undefined],
  ['p.Customers', undefined],
  ['p.a.b', undefined],
  ["p.a'b", undefined],
  ['p.a\n', undefined],
  ['__consumer_offsets', undefined],
];
for (const [topic, stream] of topics) {
  test(`the topic ${JSON.stringify(topic)} holds ${stream ?? 'no stream'}`, () =>
    assert.equal(streamOfTopic('p.', topic), stream));
}

test('a stream name has a length', () => {
  assert.ok(isStreamName('a'.repeat(100)));
  assert.ok(!isStreamName('a'.repeat(101)));
});

test('a table lines numbers up to the right and texts to the left', () => {
  const rows = [
    ['a', 1, 'x'],
    ['long', 12_345, 'y'],
    ['é', 0.25, 'z'],
  ];
  assert.equal(
    textTable(['name', 'count', ''], rows),
    ['name   count', 'a          1  x', 'long  12,345  y', 'é        0.3  z'].join('\n'),
  );
});

test('a table without rows is its head', () => assert.equal(textTable(['a', 'b'], []), 'a  b'));
