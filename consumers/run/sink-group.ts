import type { Consumer } from 'kafkajs';
import type { Settings } from '../../core/settings/config.ts';
import { createKafka } from '../../core/kafka/client.ts';
import { GroupMember } from './group-member.ts';
import { bySubscription } from './partition-assigner.ts';
import type { TopicControl } from '../stream/topic-partitions.ts';

/**
 * From 256 KiB to 1 MiB a sink is equally fast; at 2 MiB it is a tenth slower, since more of what a fetch is decoded to survives V8's scavenges
 * and is copied. The smaller a fetch, the more of it is the beginning of a batch that is to be fetched again.
 */
const MAX_FETCH_BYTES = 1024 * 1024;
/** How long a fetch waits for messages, and so how long a topic that was held may take to flow again. */
const MAX_FETCH_WAIT_MS = 100;
/** After a kill, how long the partitions of the one that died wait for another. */
const SESSION_TIMEOUT_MS = 10_000;
const HEARTBEAT_MS = 2_000;
const REBALANCE_TIMEOUT_MS = 60_000;
/** How old what a consumer knows of its topics may be: by then it reads partitions that were added. */
const MAX_METADATA_AGE_MS = 5_000;
/** Retries of kafkajs before it joins the group again. */
const MAX_RETRIES = 5;

/** Returns the name of the database's group. Its committed offsets are for lag tools: each table has its resume offsets. */
export function sinkGroupOf({ topicPrefix, clickhouse }: Settings): string {
  return `${topicPrefix}sink.${clickhouse.database}`;
}

/** A consumer, and what its group knows of it. */
export interface SinkConsumer {
  readonly consumer: Consumer;
  readonly member: GroupMember;
  /** Leaves the group for good. */
  close(): Promise<void>;
}

/**
 * This process's place in the consumer group. Its consumer reads the topics that it has subscribed to and no others: where there are more, another
 * consumer takes its place.
 */
export class SinkGroup {
  readonly groupId: string;
  readonly #settings: Settings;
  #current: SinkConsumer;

  constructor(settings: Settings, groupId = sinkGroupOf(settings)) {
    this.groupId = groupId;
    this.#settings = settings;
    this.#current = this.#create();
  }

  get current(): SinkConsumer {
    return this.#current;
  }

  /** Another consumer, which has subscribed to nothing yet. */
  async renew(): Promise<SinkConsumer> {
    await this.#current.close();
    this.#current = this.#create();
    return this.#current;
  }

  /** Returns the consumer's controls for one topic. They do nothing outside the group, where kafkajs would throw. */
  control(topic: string): TopicControl {
    const steer = (work: (consumer: Consumer) => void) => {
      const { consumer, member } = this.#current;
      if (member.isJoined) work(consumer);
    };
    return {
      pause: () => steer((consumer) => consumer.pause([{ topic }])),
      resume: () => steer((consumer) => consumer.resume([{ topic }])),
      seek: (partition, offset) =>
        steer((consumer) => consumer.seek({ topic, partition, offset: String(offset) })),
      commit: (offsets) => this.#current.member.commit(topic, offsets),
      isMember: () => this.#current.member.isKnown,
    };
  }

  #create(): SinkConsumer {
    let isOver = false;
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
      // A consumer that is joining the group again survives its own end.
      retry: { retries: MAX_RETRIES, restartOnFailure: () => Promise.resolve(!isOver) },
    });
    const member = new GroupMember(consumer, SESSION_TIMEOUT_MS);
    return {
      consumer,
      member,
      close: async () => {
        isOver = true;
        await member.lastCommit();
        await consumer.disconnect();
      },
    };
  }
}
