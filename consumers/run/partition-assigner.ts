import { AssignerProtocol, type PartitionAssigner } from 'kafkajs';

const { MemberAssignment, MemberMetadata } = AssignerProtocol;
const VERSION = 1;

interface Subscriber {
  readonly memberId: string;
  readonly topics: readonly string[];
}

/**
 * Assigns partitions only to members that are subscribed to the topic. kafkajs's own assigner
 * ignores subscriptions.
 */
export const bySubscription: PartitionAssigner = ({ cluster }) => ({
  name: 'ChartmogulBySubscription',
  version: VERSION,

  protocol: ({ topics }) => ({
    name: 'ChartmogulBySubscription',
    metadata: MemberMetadata.encode({ version: VERSION, topics, userData: Buffer.alloc(0) }),
  }),

  async assign({ members }) {
    const subscribers = members.map(({ memberId, memberMetadata }) => ({
      memberId,
      topics: MemberMetadata.decode(memberMetadata)?.topics ?? [],
    }));
    const topics = [...new Set(subscribers.flatMap((member) => member.topics))].sort();
    // The leader does not necessarily subscribe to every topic. A missing topic has no partitions.
    await cluster.addMultipleTargetTopics(topics);
    const numbersOf = (topic: string) =>
      cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId);
    const partitions = new Map(topics.map((topic) => [topic, numbersOf(topic)]));
    return [...assignPartitions(subscribers, partitions)].map(([memberId, assignment]) => ({
      memberId,
      memberAssignment: MemberAssignment.encode({
        version: VERSION,
        assignment: Object.fromEntries(assignment),
        userData: Buffer.alloc(0),
      }),
    }));
  },
});

/**
 * Returns partitions by member and topic. Assigns each partition to the subscriber with the fewest
 * partitions so far.
 */
export function assignPartitions(
  members: readonly Subscriber[],
  partitions: ReadonlyMap<string, readonly number[]>,
): Map<string, Map<string, number[]>> {
  const loads = [...members]
    .sort((a, b) => (a.memberId < b.memberId ? -1 : 1))
    .map((member) => ({ ...member, count: 0, assigned: new Map<string, number[]>() }));
  for (const [topic, numbers] of partitions) {
    const subscribers = loads.filter(({ topics }) => topics.includes(topic));
    for (const number of [...numbers].sort((a, b) => a - b)) {
      const [first, ...others] = subscribers;
      if (first === undefined) break;
      const least = others.reduce((best, load) => (load.count < best.count ? load : best), first);
      least.assigned.set(topic, [...(least.assigned.get(topic) ?? []), number]);
      least.count++;
    }
  }
  return new Map(loads.map(({ memberId, assigned }) => [memberId, assigned]));
}
