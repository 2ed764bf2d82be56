import assert from 'node:assert/strict';
import test from 'node:test';
import {
  chooseStreams,
  requireHistoryStreams,
  streamsUnder,
} from '../../../../consumers/run/choose-streams.ts';
import { ConfigError } from '../../../../core/errors.ts';

const leftOf = (...names: readonly string[]) =>
  streamsUnder(
    'p.',
    names.map((name) => `p.${name}`),
  ).skipped.map(({ stream, reason }) => [stream, reason] as const);

for (const [names, left, other] of [
  [['a.b', 'a-b'], 'a.b', 'p.a-b'],
  [['a-b', 'a_b'], 'a-b', 'p.a_b'],
  [['1st', '_1st'], '1st', 'p._1st'],
  // The storage table of "orders" would have the same name as the view of "orders_raw".
  [['orders', 'orders_raw'], 'orders_raw', 'p.orders'],
  [['x.y', 'x-y_raw'], 'x.y', 'p.x-y_raw'],
  [['customer-notes'], 'customer-notes', 'p.customer_notes'],
] as const) {
  test(`streamsUnder skips p.${left} because of ${other} and names both`, () => {
    const [found, ...more] = leftOf(...names);
    assert.equal(more.length, 0);
    assert.equal(found?.[0], left);
    assert.ok(found[1].includes(`p.${left} `) && found[1].includes(`${other};`), found[1]);
  });
}

test('streamsUnder keeps a topic whose view replaces one derived from another stream', () => {
  assert.deepEqual(leftOf('line-items', 'customer_tags', 'mrr.by-month'), []);
  assert.deepEqual(
    leftOf('line-items', 'line_items').map(([stream]) => stream),
    ['line-items'],
  );
});

test('streamsUnder treats names that differ only in case as different', () =>
  assert.deepEqual(leftOf('Orders', 'orders'), []));

test('chooseStreams selects streams by topic name and reports why a stream is skipped', () => {
  const topics = ['p.my-topic', 'p.a.b', 'p.a-b', 'p.Orders'];
  assert.deepEqual(chooseStreams(topics, 'p.', ['my-topic', 'Orders', 'plans']), [
    'Orders',
    'my-topic',
    'plans',
  ]);
  for (const [wanted, message] of [
    ['a.b', /p\.a\.b .*p\.a-b/],
    ['my_topic', /got "my_topic": did you mean my-topic\?$/],
  ] as const)
    assert.throws(
      () => chooseStreams(topics, 'p.', [wanted]),
      (error) => error instanceof ConfigError && message.test(error.message),
    );
});

test('requireHistoryStreams rejects a stream that has neither a schema file nor a topic', () => {
  requireHistoryStreams(['p.orders'], 'p.', ['orders', 'customers']);
  requireHistoryStreams([], 'p.');
  assert.throws(
    () => requireHistoryStreams(['p.orders'], 'p.', ['orders', 'order']),
    (error) => error instanceof ConfigError && /^HISTORY_STREAMS .*"order"/.test(error.message),
  );
});
