import { createRequire } from 'node:module';
import type { Kafka, Message, PartitionMetadata, PartitionerArgs, RecordMetadata } from 'kafkajs';
import { repeatingEnd } from './kafkajs-commit.ts';

/** Modules of kafkajs 2.2.4, which package.json pins. USERS load the others, up to the root. */
const SEND = 'kafkajs/src/producer/sendMessages.js';
const GROUP = 'kafkajs/src/producer/groupMessagesPerPartition.js';
const TRANSACTIONS = 'kafkajs/src/producer/eosManager/index.js';
const USERS = ['producer/messageProducer.js', 'producer/index.js', 'index.js'];

interface TopicMessages {
  readonly topic: string;
  readonly messages: readonly Message[];
}

interface Request {
  readonly topicMessages: readonly TopicMessages[];
}

interface Options {
  readonly cluster: {
    addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
    refreshMetadataIfNecessary(): Promise<void>;
    refreshMetadata(): Promise<void>;
    findTopicPartitionMetadata(topic: string): PartitionMetadata[];
    isConnected(): boolean;
    connect(): Promise<void>;
  };
  readonly partitioner: (args: PartitionerArgs) => number;
  readonly retrier: <T>(work: () => Promise<T>) => Promise<T>;
}

interface Group {
  readonly partitionMetadata: readonly PartitionMetadata[];
  readonly messages: readonly Message[];
}

type Send = (request: Request) => Promise<RecordMetadata[]>;
type CreateSend = (options: Options) => Send;

let patched: typeof Kafka | undefined;

/** The partition of each list of messages that {@link byPartition} sends. */
const partitions = new WeakMap<readonly Message[], number>();

/**
 * Returns kafkajs's client with two changes. It repeats the end of a transaction: see {@link
 * repeatingEnd}. And each request contains messages of one partition only, because kafkajs
 * remembers which brokers have answered a request, not which partitions. If a leader moved between
 * two attempts, kafkajs would resend written messages with new sequence numbers, or omit messages.
 * @throws Error (MODULE_NOT_FOUND) if this version of kafkajs lacks a module.
 */
export function kafkaClass(): typeof Kafka {
  if (patched !== undefined) return patched;
  const require = createRequire(import.meta.url);
  const moduleOf = (name: string) => {
    require(name);
    const loaded = require.cache[require.resolve(name)];
    if (loaded === undefined) throw new Error(`${name} is not in the module cache`);
    return loaded;
  };
  moduleOf(GROUP).exports = group;
  Reflect.deleteProperty(require.cache, require.resolve(SEND));
  const loaded = moduleOf(SEND);
  const createSend = loaded.exports as CreateSend;
  loaded.exports = (options: Options) => byPartition(createSend(options), options);
  const transactions = moduleOf(TRANSACTIONS);
  transactions.exports = repeatingEnd(transactions.exports as Parameters<typeof repeatingEnd>[0]);
  // These modules hold references to the original function.
  const users = USERS.map((name) => require.resolve(`kafkajs/src/${name}`));
  for (const path of users) Reflect.deleteProperty(require.cache, path);
  patched = require('kafkajs/src/index.js') as typeof Kafka;
  return patched;
}

/** Replaces kafkajs's grouping, which copies all earlier messages for each message that it adds. */
function group({ partitionMetadata, messages }: Group): Record<number, readonly Message[]> {
  const partition = partitions.get(messages);
  if (partition === undefined) throw new RangeError('the partition of these messages was not chosen');
  return partitionMetadata.length === 0 ? {} : { [partition]: messages };
}

export function byPartition(send: Send, { cluster, partitioner, retrier }: Options): Send {
  const metadataOf = async (topic: string) => {
    const found = cluster.findTopicPartitionMetadata(topic);
    if (found.length > 0) return found;
    // A topic that was just created may have had no leaders when its metadata was read.
    await cluster.refreshMetadata();
    throw new Error(`topic ${topic} has no metadata`);
  };
  const partsOf = ({ topicMessages }: Request) =>
    retrier(async () => {
      try {
        await cluster.addMultipleTargetTopics(topicMessages.map(({ topic }) => topic));
        await cluster.refreshMetadataIfNecessary();
      } catch (error) {
        if (!cluster.isConnected()) await cluster.connect();
        throw error;
      }
      const all: TopicMessages[] = [];
      for (const { topic, messages } of topicMessages) {
        const partitionMetadata = await metadataOf(topic);
        const parts = new Map<number, Message[]>();
        for (const message of messages) {
          const partition = partitioner({ topic, partitionMetadata, message });
          const part = parts.get(partition) ?? [];
          if (part.push(message) === 1) parts.set(partition, part);
        }
        for (const [partition, part] of parts) {
          partitions.set(part, partition);
          all.push({ topic, messages: part });
        }
      }
      return all;
    });
  return async (request) => {
    const results: RecordMetadata[] = [];
    // One by one, so that no request is in flight after a failure.
    for (const part of await partsOf(request))
      results.push(...(await send({ ...request, topicMessages: [part] })));
    return results;
  };
}
