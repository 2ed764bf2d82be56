import kafkajs, { AssignerProtocol, type Admin } from 'kafkajs';
import pLimit, { type LimitFunction } from 'p-limit';
import type { PartitionEnd } from './caught-up.ts';
import type { Settings } from '../settings/config.ts';
import { ServiceUnavailableError, StoppedError } from '../errors.ts';
import { createKafka, probeOptions } from './client.ts';
import { kafkaError } from './kafka-error.ts';
import type { PartitionMetadataWithId } from './kafkajs-metadata.ts';
import { probeRetry, retry, serviceRetry, type CallOptions } from '../retry.ts';
import { hasBrokerTimes, judgedEntries, wantedTopicConfig, type TopicConfig } from './topic-retention.ts';

export interface TopicDescription {
  /**
   * The first 8 bytes of the topic's id, which is never reused; 0 if the broker is older than Kafka
   * 2.8 and has no topic ids.
   */
  readonly id: bigint;
  readonly partitionCount: number;
}

/** A committed offset, with the metadata that was committed with it. */
export interface CommittedOffset {
  readonly offset: bigint;
  readonly metadata: string;
}

/**
 * Queries and changes topics, consumer groups and configuration. Every request except that of
 * `removeGroup` is retried, because brokers briefly refuse valid requests after a leader change,
 * and may throw ServiceUnavailableError, ServiceRefusedError or the signal's reason.
 */
export class KafkaAdmin {
  readonly #settings: Settings['kafka'];
  readonly #admin: Admin;
  readonly #options: CallOptions;
  /** kafkajs overwrites a client's metadata with each response, so requests run one at a time. */
  readonly #turns: LimitFunction;
  /** Aborts when the connection closes: kafkajs would connect again for a later request. */
  readonly #closing: AbortController;
  readonly #signal: AbortSignal;

  private constructor(
    settings: Settings['kafka'],
    admin: Admin,
    options: CallOptions,
    turns = pLimit(1),
    closing = new AbortController(),
  ) {
    this.#settings = settings;
    this.#admin = admin;
    this.#options = options;
    this.#turns = turns;
    this.#closing = closing;
    this.#signal = AbortSignal.any([options.signal, closing.signal]);
  }

  /** Returns a connection once Kafka has answered a request. The caller closes it. */
  static async connect(settings: Settings['kafka'], role: string, signal: AbortSignal): Promise<KafkaAdmin> {
    // The first contact fails fast, because a user waits for it. Later requests retry for longer.
    const probe = createKafka(settings, role, probeOptions).admin();
    await retry({ service: 'kafka' }, probeRetry, signal, async () => {
      try {
        await probe.connect();
        // A broker accepts a connection before it has checked the login.
        await probe.describeCluster();
      } catch (error) {
        throw kafkaError(error, settings, { isFirstContact: true });
      } finally {
        await probe.disconnect();
      }
    });
    const admin = createKafka(settings, role).admin();
    try {
      await admin.connect();
    } catch (error) {
      await admin.disconnect();
      throw kafkaError(error, settings);
    }
    return new KafkaAdmin(settings, admin, { signal, policy: serviceRetry });
  }

  /** Returns the same connection with another signal or retry policy. */
  with(options: Partial<CallOptions>): KafkaAdmin {
    const changed = { ...this.#options, ...options };
    return new KafkaAdmin(this.#settings, this.#admin, changed, this.#turns, this.#closing);
  }

  /** Closes the connection. Requests that wait for their turn or for a retry are not sent. */
  async close(): Promise<void> {
    this.#closing.abort(new StoppedError('the connection to Kafka is closed'));
    const isBusy = this.#turns.activeCount > 0;
    await this.#admin.disconnect();
    // kafkajs connects again to repeat the running request.
    if (isBusy) this.#turns(() => this.#admin.disconnect()).catch(() => undefined);
  }

  async brokerIds(): Promise<string[]> {
    const { brokers } = await this.#ask((admin) => admin.describeCluster());
    return brokers.map(({ nodeId }) => String(nodeId));
  }

  listTopics(): Promise<string[]> {
    return this.#ask((admin) => admin.listTopics());
  }

  /** Describes the given topics, or all topics. Missing topics are absent from the result. */
  async describeTopics(names: readonly string[] = []): Promise<ReadonlyMap<string, TopicDescription>> {
    const { topics } = await this.#ask((admin) => admin.fetchTopicMetadata({ topics: [...names] }));
    const describe = (partitions: readonly PartitionMetadataWithId[]) => ({
      id: topicIdOf(partitions),
      partitionCount: partitions.length,
    });
    return new Map(topics.map(({ name, partitions }) => [name, describe(partitions)]));
  }

  /**
   * Creates the missing topics with {@link wantedTopicConfig}. Returns when every new partition
   * responds: before that, a client would not find a leader.
   */
  async ensureTopics(names: readonly string[]): Promise<void> {
    const existing = new Set(await this.listTopics());
    const missing = names.filter((topic) => !existing.has(topic));
    if (missing.length === 0) return;
    const { topicPartitions, topicReplicationFactor = -1, tombstoneRetentionDays } = this.#settings;
    const topics = missing.map((topic) => {
      const config = wantedTopicConfig(topic, tombstoneRetentionDays);
      const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
      return {
        topic,
        numPartitions: topicPartitions,
        replicationFactor: topicReplicationFactor,
        configEntries,
      };
    });
    await this.#ask((admin) => admin.createTopics({ topics, waitForLeaders: true }));
    for (const topic of missing) await this.#ask((admin) => admin.fetchTopicOffsets(topic));
  }

  /**
   * Returns the id of a topic, and the first and the end offset of each partition; undefined if the
   * topic does not exist.
   */
  topicOffsets(topic: string) {
    // Both requests are one attempt: if the topic is deleted in between, the retry finds it gone.
    return this.#ask(async (admin) => {
      const [found] = (await admin.fetchTopicMetadata({ topics: [topic] })).topics;
      if (found === undefined) return undefined;
      const offsets = await admin.fetchTopicOffsets(topic);
      if (offsets.length === 0)
        throw new ServiceUnavailableError(`topic ${topic} changed while its offsets were read`);
      const partitions = offsets.map(({ partition, low, high }) => {
        return { partition, start: BigInt(low), end: BigInt(high) };
      });
      return { id: topicIdOf(found.partitions), partitions };
    });
  }

  /** Returns the end offsets of all partitions that contain messages. */
  async endOffsets(topics: readonly string[]): Promise<PartitionEnd[]> {
    const ends: PartitionEnd[] = [];
    for (const topic of topics) {
      for (const { partition, start, end } of (await this.topicOffsets(topic))?.partitions ?? []) {
        if (start !== end) ends.push({ topic, partition, end });
      }
    }
    return ends;
  }

  /**
   * Returns, by partition, the first offset whose message is not older than `timeMs`; the end
   * offset if all messages are older.
   */
  async offsetsSince(topic: string, timeMs: number): Promise<ReadonlyMap<number, bigint>> {
    const offsets = await this.#ask((admin) => admin.fetchTopicOffsetsByTimestamp(topic, timeMs));
    return new Map(offsets.map(({ partition, offset }) => [partition, BigInt(offset)]));
  }

  /** Returns the committed offsets by topic and partition. */
  async committedOffsets(
    groupId: string,
    topics: readonly string[],
  ): Promise<ReadonlyMap<string, ReadonlyMap<number, CommittedOffset>>> {
    if (topics.length === 0) return new Map();
    const answer = await this.#ask((admin) => admin.fetchOffsets({ groupId, topics: [...topics] }));
    const committed = new Map<string, ReadonlyMap<number, CommittedOffset>>();
    for (const { topic, partitions } of answer) {
      // Kafka reports -1 where nothing is committed.
      const known = partitions.filter(({ offset }) => BigInt(offset) >= 0n);
      const positions = known.map(({ partition, offset, metadata }) => {
        return [partition, { offset: BigInt(offset), metadata: metadata ?? '' }] as const;
      });
      committed.set(topic, new Map(positions));
    }
    return committed;
  }

  /**
   * Returns the metadata of each member of a consumer group; killed members remain until their
   * session expires.
   */
  async groupMembers(groupId: string): Promise<readonly Buffer[]> {
    const { members } = await this.#describeGroup(groupId);
    return members.map(({ memberMetadata }) => memberMetadata);
  }

  /**
   * Returns whether a member of the group is assigned a partition of the topic. During a rebalance,
   * returns whether the group has members.
   */
  async isConsumed(groupId: string, topic: string): Promise<boolean> {
    const { isRebalancing, members } = await this.#describeGroup(groupId);
    if (isRebalancing) return members.length > 0;
    return members.some(({ memberAssignment }) => {
      const decoded = AssignerProtocol.MemberAssignment.decode(memberAssignment);
      return (decoded?.assignment[topic]?.length ?? 0) > 0;
    });
  }

  async #describeGroup(groupId: string) {
    const { groups } = await this.#ask((admin) => admin.describeGroups([groupId]));
    return {
      isRebalancing: groups.some(({ state }) => /^(Preparing|Completing)Rebalance$/.test(state)),
      members: groups.flatMap(({ members }) => members),
    };
  }

  /** Removes a consumer group. Best effort: an unused group eventually expires. */
  async removeGroup(groupId: string): Promise<void> {
    // A function, because TypeScript would not see that the value changes during an await.
    const isClosing = () => this.#closing.signal.aborted;
    if (isClosing()) return;
    // Does not wait for its turn: a request that waits for Kafka must not delay the end of the
    // process.
    await this.#admin.deleteGroups([groupId]).catch(() => {});
    // kafkajs connects again to repeat a request that runs while the connection closes.
    if (isClosing()) await this.#admin.disconnect();
  }

  /** Returns the {@link judgedEntries} of existing topics. */
  topicConfigs(topics: readonly string[]): Promise<ReadonlyMap<string, TopicConfig>> {
    return this.configs('TOPIC', topics, judgedEntries);
  }

  /** Returns whether the broker's clock sets timestamps, so that they rise with the offsets. */
  async hasBrokerTimes(topic: string): Promise<boolean> {
    return hasBrokerTimes((await this.topicConfigs([topic])).get(topic));
  }

  /** Returns the named configuration entries of existing topics or, by their ids, of brokers. */
  async configs(
    kind: 'TOPIC' | 'BROKER',
    names: readonly string[],
    entries: readonly string[],
  ): Promise<ReadonlyMap<string, TopicConfig>> {
    if (names.length === 0) return new Map();
    const type = kafkajs.ConfigResourceTypes[kind];
    const resources = names.map((name) => ({ type, name, configNames: [...entries] }));
    const answer = await this.#ask((admin) => admin.describeConfigs({ resources, includeSynonyms: false }));
    return new Map(
      answer.resources.map(({ resourceName, configEntries }) => [
        resourceName,
        new Map(configEntries.map(({ configName, configValue }) => [configName, configValue])),
      ]),
    );
  }

  #ask<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    const { policy } = this.#options;
    const signal = this.#signal;
    return retry({ service: 'kafka' }, policy, signal, () =>
      this.#turns(async () => {
        signal.throwIfAborted();
        try {
          return await question(this.#admin);
        } catch (error) {
          throw kafkaError(error, this.#settings);
        }
      }),
    );
  }
}

function topicIdOf([partition]: readonly PartitionMetadataWithId[]): bigint {
  return BigInt(`0x${partition?.topicId?.slice(0, 16) ?? '0'}`);
}
