import assert from 'node:assert/strict';
import test from 'node:test';
import { chooseStreams, streamsUnder } from '../../../../consumers/run/choose-streams.ts';
import { ConfigError } from '../../../../core/errors.ts';

const leftOf = (...names: readonly string[]) =>
  streamsUnder(
    'p.',
    names.map((name) => `p.${name}`),
  ).left.map(({ stream, reason }) => [stream, reason] as const);

for (const [names, left, other] of [
  [['a.b', 'a-b'], 'a.b', 'p.a-b'],
  [['a-b', 'a_b'], 'a-b', 'p.a_b'],
  [['1st', '_1st'], '1st', 'p._1st'],
  // The storage table of one is the view of the other.
  [['orders', 'orders_raw'], 'orders_raw', 'p.orders'],
  [['x.y', 'x-y_raw'], 'x.y', 'p.x-y_raw'],
  [['customer-notes'], 'customer-notes', 'p.customer_notes'],
] as const) {
  test(`of ${names.join(' and ')} is left out ${left}, and both are named`, () => {
    const [found, ...more] = leftOf(...names);
    assert.equal(more.length, 0);
    assert.equal(found?.[0], left);
    assert.ok(found[1].includes(`p.${left} `) && found[1].includes(`${other};`), found[1]);
  });
}

test('a view that is made of another stream is not replaced by a topic of another name', () => {
  assert.deepEqual(
    leftOf('line-items', 'line_items').map(([stream]) => stream),
    ['line-items'],
  );
});

test('names that differ in case are different', () => assert.deepEqual(leftOf('Orders', 'orders'), []));

test('streams are asked for by the names of their topics; one that is left out is refused with the reason', () => {
  const topics = ['p.my-topic', 'p.a.b', 'p.a-b', 'p.Orders'];
  assert.deepEqual(chooseStreams(topics, 'p.', ['my-topic', 'Orders', 'plans']), [
    'Orders',
    'my-topic',
    'plans',
  ]);
  for (const [wanted, message] of [
    ['a.b', /p\.a\.b .*p\.a-b/],
    ['my_topic', /must name some of .*my-topic/],
  ] as const)
    assert.throws(
      () => chooseStreams(topics, 'p.', [wanted]),
      (error) => error instanceof ConfigError && message.test(error.message),
    );
});
