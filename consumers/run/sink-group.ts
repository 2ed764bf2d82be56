import type { Consumer } from 'kafkajs';
import type { Settings } from '../../core/settings/config.ts';
import { createKafka } from '../../core/kafka/client.ts';
import { GroupMember } from './group-member.ts';
import { bySubscription } from './partition-assigner.ts';
import type { TopicControl } from '../stream/topic-partitions.ts';

/**
 * A sink is equally fast with 256 KiB to 1 MiB, and a tenth slower with 2 MiB, since more of a
 * decoded fetch survives V8's scavenges and is copied. The smaller a fetch, the larger the share of
 * it that is an incomplete batch and must be fetched again.
 */
const MAX_FETCH_BYTES = 1024 * 1024;
/** Maximum time for which a fetch waits for messages. A paused topic may take as long to resume. */
const MAX_FETCH_WAIT_MS = 100;
/** Time after which the partitions of a killed process are assigned to another process. */
const SESSION_TIMEOUT_MS = 10_000;
const HEARTBEAT_MS = 2_000;
const REBALANCE_TIMEOUT_MS = 60_000;
/**
 * Maximum age of a consumer's topic metadata. After a refresh, the consumer also reads newly added
 * partitions.
 */
const MAX_METADATA_AGE_MS = 5_000;
/** Number of retries by kafkajs before it joins the group again. */
const MAX_RETRIES = 5;

/**
 * Returns the consumer group of the database. The tables determine the resume offsets; the group's
 * offsets are for lag tools, and show which messages do not need a row.
 */
export function sinkGroupOf({ topicPrefix, clickhouse }: Settings): string {
  return `${topicPrefix}sink.${clickhouse.database}`;
}

/**
 * The membership of this process in the group. To read more topics, a new consumer replaces the
 * current one.
 */
export class SinkGroup {
  readonly groupId: string;
  readonly #settings: Settings;
  #current: GroupMember;

  constructor(settings: Settings, groupId = sinkGroupOf(settings)) {
    this.groupId = groupId;
    this.#settings = settings;
    this.#current = this.#create();
  }

  get current(): GroupMember {
    return this.#current;
  }

  /** Replaces the consumer with a new one that has no subscriptions yet. */
  async renew(): Promise<GroupMember> {
    await this.#current.close();
    this.#current = this.#create();
    return this.#current;
  }

  /**
   * Returns the controls for a topic. Outside the group, `pause`, `resume` and `seek` do nothing,
   * because kafkajs would throw.
   */
  control(topic: string): TopicControl {
    const steer = (work: (consumer: Consumer) => void) => {
      if (this.#current.isJoined) work(this.#current.consumer);
    };
    return {
      pause: () => steer((consumer) => consumer.pause([{ topic }])),
      resume: () => steer((consumer) => consumer.resume([{ topic }])),
      seek: (partition, offset) =>
        steer((consumer) => consumer.seek({ topic, partition, offset: String(offset) })),
      commit: (offsets) => this.#current.commit(topic, offsets),
      isMember: () => this.#current.isKnown,
    };
  }

  #create(): GroupMember {
    const consumer = createKafka(this.#settings.kafka, 'sink').consumer({
      groupId: this.groupId,
      partitionAssigners: [bySubscription],
      metadataMaxAge: MAX_METADATA_AGE_MS,
      maxBytes: MAX_FETCH_BYTES,
      maxBytesPerPartition: MAX_FETCH_BYTES,
      maxWaitTimeInMs: MAX_FETCH_WAIT_MS,
      sessionTimeout: SESSION_TIMEOUT_MS,
      heartbeatInterval: HEARTBEAT_MS,
      rebalanceTimeout: REBALANCE_TIMEOUT_MS,
      allowAutoTopicCreation: false,
      // Otherwise a consumer that is rejoining the group would outlive its close.
      retry: { retries: MAX_RETRIES, restartOnFailure: () => Promise.resolve(!member.isClosed) },
    });
    const member = new GroupMember(consumer, SESSION_TIMEOUT_MS);
    return member;
  }
}
