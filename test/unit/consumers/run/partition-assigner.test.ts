import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { assignPartitions } from '../../../../consumers/run/partition-assigner.ts';

const topicNames = ['a', 'b', 'c', 'd'];

test('assignPartitions assigns every partition of a subscribed topic to exactly one subscriber', () => {
  const members = fc.uniqueArray(fc.record({ memberId: fc.uuid(), topics: fc.subarray(topicNames) }), {
    selector: ({ memberId }) => memberId,
    maxLength: 6,
  });
  const partitions = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(members, partitions, (group, counts) => {
      const topics = new Map(
        topicNames.map((topic, index) => [topic, [...Array(counts[index] ?? 0).keys()]] as const),
      );
      const assigned = assignPartitions(group, topics);
      for (const [topic, numbers] of topics) {
        const owners = group.filter((member) => member.topics.includes(topic));
        const given = group.flatMap(({ memberId }) => {
          const own = assigned.get(memberId)?.get(topic) ?? [];
          if (own.length > 0) assert.ok(owners.some((owner) => owner.memberId === memberId));
          return own;
        });
        assert.deepEqual(
          given.sort((a, b) => a - b),
          owners.length === 0 ? [] : numbers,
        );
      }
    }),
  );
});

test('the assigner balances members with the same topics to within one partition', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 9 }), (size, count) => {
      const group = [...Array(size).keys()].map((id) => ({ memberId: `m${id}`, topics: topicNames }));
      const topics = new Map(topicNames.map((topic) => [topic, [...Array(count).keys()]]));
      const totals = [...assignPartitions(group, topics).values()].map((own) =>
        [...own.values()].reduce((sum, numbers) => sum + numbers.length, 0),
      );
      assert.equal(totals.length, size);
      assert.ok(Math.max(...totals) - Math.min(...totals) <= 1);
    }),
  );
});

test('the assigner ignores the order of members', () => {
  const group = ['z', 'y', 'x'].map((memberId) => ({ memberId, topics: topicNames }));
  const topics = new Map(topicNames.map((topic) => [topic, [2, 0, 1]]));
  assert.deepEqual(assignPartitions(group, topics), assignPartitions(group.toReversed(), topics));
});
