import { createRequire } from 'node:module';
import type { KafkaMessage } from 'kafkajs';
import pLimit from 'p-limit';
import type { Settings } from '../settings/config.ts';
import { withDeadline } from '../deadline.ts';
import { ServiceUnavailableError } from '../errors.ts';
import { probeRetry, retry, type RetryPolicy } from '../retry.ts';
import { assertReadable, hasContext, type Fetched } from './decoder/fetched-message.ts';
import { keepBatches } from './decoder/kafkajs-decoder.ts';
import { messagesOf } from './decoder/packed-batch.ts';
import type { AbortedTransaction } from './decoder/aborted-transactions.ts';
import type { RawBatches } from './decoder/record-scan.ts';
import { kafkaError } from './kafka-error.ts';
import { createCluster, type Broker, type Cluster, type PartitionAnswer } from './kafkajs-cluster.ts';

/** kafkajs's view of a fetch response in version 2.2.4: without markers and aborted messages. */
const BATCH = 'kafkajs/src/consumer/batch.js';
const FETCH = 'kafkajs/src/protocol/requests/fetch/index.js';
const FETCH_KEY = 1;

const READ_COMMITTED = 1;
/** The maximum time for which the broker waits for a first committed message. */
const MAX_WAIT_MS = 100;
const ANSWER_TIMEOUT_MS = 20_000;

interface RawAnswer {
  readonly responses: readonly {
    readonly partitions: readonly {
      readonly lastStableOffset?: string;
      readonly abortedTransactions?: readonly AbortedTransaction[];
      /**
       * A list if there are no messages or their format is from before Kafka 0.11; otherwise the
       * undecoded record batches.
       */
      readonly messages: Buffer | readonly unknown[];
    }[];
  }[];
}

/** The undecoded record batches of a partition from an offset on. */
export interface FetchedBatches extends RawBatches {
  /** Messages of open transactions begin at this offset and are not in the response. */
  readonly stableEnd: bigint;
  /** Whether the messages are in a format from before Kafka 0.11, and so not in `bytes`. */
  readonly isOldFormat: boolean;
}

type Batch = new (
  topic: string,
  from: string,
  answer: PartitionAnswer,
) => { readonly messages: readonly KafkaMessage[] };

/** The reason why an offset has no message. */
export type Gap = 'marker' | 'aborted' | 'compacted';

/** A partition, which contains offsets from `start` to below `end`. */
export interface PartitionLog {
  readonly topic: string;
  readonly partition: number;
  readonly start: bigint;
  /** The offset after the last message, including messages of open transactions. */
  readonly end: bigint;
}

/** The part of a partition from an offset on that one fetch returns. */
export interface FetchedRange {
  /**
   * Committed messages, each created when it is reached. They keep the entire response in memory:
   * copy anything that must outlive it.
   */
  readonly messages: Iterable<KafkaMessage>;
  /**
   * The offset at which the next fetch continues: the same offset at the end of the partition, or
   * before an open transaction.
   */
  readonly next: bigint;
  /** Messages of open transactions begin at this offset and are not in the response. */
  readonly stableEnd: bigint;
  /** Returns why an offset in the range has no message. */
  gapAt(offset: bigint): Gap;
}

/**
 * Reads committed messages of single partitions at any offset. Unlike a consumer, it does not join
 * a group: a read is one request, does not require permissions for groups, and leaves nothing on
 * the broker.
 */
export class PartitionReader {
  readonly #settings: Settings['kafka'];
  readonly #signal: AbortSignal;
  readonly #cluster: Cluster;
  readonly #policy: RetryPolicy;
  readonly #Batch: Batch;
  readonly #fetchVersions: unknown;
  /** The first request connects: two concurrent requests would leave a socket open forever. */
  readonly #turns = pLimit(1);

  private constructor(
    settings: Settings['kafka'],
    signal: AbortSignal,
    cluster: Cluster,
    policy: RetryPolicy,
  ) {
    this.#settings = settings;
    this.#signal = signal;
    this.#cluster = cluster;
    this.#policy = policy;
    const require = createRequire(import.meta.url);
    this.#Batch = require(BATCH) as Batch;
    this.#fetchVersions = require(FETCH);
  }

  /**
   * Opens a connection, runs the work and closes the connection on every path.
   * @param policy of each request; the default suits a user who waits.
   * @throws ServiceUnavailableError, ServiceRefusedError; the signal's reason; what the work
   *   throws.
   */
  static async with<T>(
    settings: Settings['kafka'],
    signal: AbortSignal,
    work: (reader: PartitionReader) => Promise<T>,
    policy: RetryPolicy = probeRetry,
  ): Promise<T> {
    const cluster = createCluster(settings, 'read');
    try {
      const reader = new PartitionReader(settings, signal, cluster, policy);
      await reader.#ask(() => cluster.connect());
      return await work(reader);
    } finally {
      await cluster.disconnect();
    }
  }

  /**
   * Returns the partitions of those topics that exist.
   * @throws ServiceUnavailableError, ServiceRefusedError, the signal's reason.
   */
  logs(topics: readonly string[]): Promise<PartitionLog[]> {
    const cluster = this.#cluster;
    return this.#ask((attempt) =>
      this.#turns(async () => {
        await cluster.addMultipleTargetTopics(topics);
        if (attempt > 1) await cluster.refreshMetadata();
        const asked = topics.map((topic) => {
          const partitions = cluster.findTopicPartitionMetadata(topic);
          return { topic, partitions: partitions.map(({ partitionId }) => ({ partition: partitionId })) };
        });
        const offsets = async (fromBeginning: boolean) => {
          const found = await cluster.fetchTopicsOffset(asked.map((one) => ({ ...one, fromBeginning })));
          return new Map<string, bigint>(
            found.flatMap(({ topic, partitions }) =>
              partitions.map(({ partition, offset }) => [`${topic}/${partition}`, BigInt(offset)] as const),
            ),
          );
        };
        const [starts, ends] = [await offsets(true), await offsets(false)];
        return asked.flatMap(({ topic, partitions }) =>
          partitions.map(({ partition }) => {
            const place = `${topic}/${partition}`;
            const [start, end] = [starts.get(place), ends.get(place)];
            if (start === undefined || end === undefined)
              throw new ServiceUnavailableError(`topic ${topic} changed while its offsets were read`);
            return { topic, partition, start, end };
          }),
        );
      }),
    );
  }

  /**
   * Fetches the messages from an offset.
   * @param maxBytes of the response; one record batch may exceed it.
   * @throws ServiceUnavailableError, ServiceRefusedError, UnreadableBatchError, the signal's
   * reason.
   */
  async fetch(topic: string, partition: number, from: bigint, maxBytes: number): Promise<FetchedRange> {
    const answer = await this.#ask(async (attempt) => {
      const broker = await this.#leaderOf(topic, partition, attempt > 1);
      const { responses } = await broker.fetch(fetchOf(topic, partition, from, maxBytes));
      return responses[0]?.partitions[0];
    });
    const found = answer ?? { partition, messages: [] };
    assertReadable(topic, partition, found.messages);
    const last = found.messages.at(-1);
    const after = last === undefined ? from : BigInt(last.offset) + 1n;
    const batch = new this.#Batch(topic, String(from), found);
    return {
      messages: messagesFrom(batch.messages, from),
      next: last === undefined || after > from ? after : from + 1n,
      stableEnd: BigInt(found.lastStableOffset ?? 0),
      gapAt: (offset) => {
        const covers = (message: Fetched) =>
          hasContext(message) &&
          message.batchContext.firstOffset <= offset &&
          offset <= BigInt(message.offset);
        const { isAborted = false, batchContext } = found.messages.find(covers) ?? {};
        if (isAborted) return 'aborted';
        return batchContext?.isControlBatch === true ? 'marker' : 'compacted';
      },
    };
  }

  /**
   * Fetches the record batches from an offset without decoding them. At the end, or before an open
   * transaction, there are none.
   * @param maxBytes of the response; one record batch may exceed it.
   * @throws ServiceUnavailableError, ServiceRefusedError, the signal's reason.
   */
  async fetchBatches(
    topic: string,
    partition: number,
    from: bigint,
    maxBytes: number,
  ): Promise<FetchedBatches> {
    const answer = await this.#ask(async (attempt) => {
      const broker = await this.#leaderOf(topic, partition, attempt > 1);
      const fetch = broker.lookupRequest(FETCH_KEY, this.#fetchVersions);
      const { response, ...request } = fetch(fetchOf(topic, partition, from, maxBytes));
      const decode = (bytes: Buffer) => {
        keepBatches(bytes);
        return response.decode(bytes);
      };
      const { responses } = (await broker.connectionPool.send({
        ...request,
        response: { ...response, decode },
      })) as RawAnswer;
      return responses[0]?.partitions[0];
    });
    const { messages = [], abortedTransactions, lastStableOffset } = answer ?? {};
    return {
      bytes: Buffer.isBuffer(messages) ? messages : Buffer.alloc(0),
      aborted: abortedTransactions ?? [],
      stableEnd: BigInt(lastStableOffset ?? 0),
      isOldFormat: !Buffer.isBuffer(messages) && messages.length > 0,
    };
  }

  #leaderOf(topic: string, partition: number, isStale: boolean): Promise<Broker> {
    return this.#turns(async () => {
      await this.#cluster.addMultipleTargetTopics([topic]);
      if (isStale) await this.#cluster.refreshMetadata();
      const [nodeId] = Object.keys(this.#cluster.findLeaderForPartitions(topic, [partition]));
      if (nodeId === undefined)
        throw new ServiceUnavailableError(
          `topic ${topic} has no partition ${partition}: it was deleted while it was read; run the command again`,
        );
      return this.#cluster.findBroker({ nodeId });
    });
  }

  #ask<T>(question: (attempt: number) => Promise<T>): Promise<T> {
    return retry({ service: 'kafka' }, this.#policy, this.#signal, async (attempt) => {
      try {
        return await withDeadline(this.#signal, ANSWER_TIMEOUT_MS, (soon) =>
          Promise.race([question(attempt), abortOf(soon)]),
        );
      } catch (error) {
        this.#signal.throwIfAborted();
        throw kafkaError(error, this.#settings);
      }
    });
  }
}

/** Returns the messages from an offset on: a record batch may begin before it. */
function messagesFrom(messages: readonly KafkaMessage[], from: bigint): Iterable<KafkaMessage> {
  return {
    *[Symbol.iterator]() {
      for (const message of messagesOf(messages)) if (BigInt(message.offset) >= from) yield message;
    },
  };
}

function fetchOf(topic: string, partition: number, from: bigint, maxBytes: number): object {
  return {
    isolationLevel: READ_COMMITTED,
    maxWaitTime: MAX_WAIT_MS,
    minBytes: 1,
    maxBytes,
    topics: [{ topic, partitions: [{ partition, fetchOffset: String(from), maxBytes }] }],
  };
}

function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
