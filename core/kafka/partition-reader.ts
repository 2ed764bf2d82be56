import { createRequire } from 'node:module';
import type { Kafka, KafkaMessage } from 'kafkajs';
import pLimit from 'p-limit';
import type { Settings } from '../settings/config.ts';
import { withDeadline } from '../deadline.ts';
import { probeRetry, retry, type RetryPolicy } from '../retry.ts';
import { createKafka } from './client.ts';
import { assertReadable, type Fetched } from './decoder/fetched-message.ts';
import { keepBatches } from './decoder/kafkajs-decoder.ts';
import { messagesOf } from './decoder/packed-batch.ts';
import type { AbortedTransaction, RawBatches } from './decoder/record-scan.ts';
import { kafkaError } from './kafka-error.ts';

/** kafkajs's view of a fetch response in version 2.2.4: without markers and aborted messages. */
const BATCH = 'kafkajs/src/consumer/batch.js';
const CREATE_CLUSTER = 'private:Kafka:createCluster';
const FETCH = 'kafkajs/src/protocol/requests/fetch/index.js';
const FETCH_KEY = 1;

const READ_COMMITTED = 1;
/** How long the broker waits for a first message. Only committed offsets are requested. */
const MAX_WAIT_MS = 100;
const ANSWER_TIMEOUT_MS = 20_000;

interface PartitionAnswer {
  readonly partition: number;
  readonly messages: readonly Fetched[];
}

/** A request of kafkajs, with the function that decodes its response. */
interface ProtocolRequest {
  readonly request: object;
  readonly response: { decode(answer: Buffer): Promise<unknown>; parse(decoded: unknown): Promise<unknown> };
}

interface Broker {
  lookupRequest(apiKey: number, versions: unknown): (request: object) => ProtocolRequest;
  readonly connectionPool: { send(request: ProtocolRequest): Promise<unknown> };
  fetch(request: object): Promise<{ readonly responses: readonly { partitions: PartitionAnswer[] }[] }>;
}

interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Readonly<Record<string, number[]>>;
  findBroker(node: { nodeId: string }): Promise<Broker>;
}

interface RawAnswer {
  readonly responses: readonly {
    readonly partitions: readonly {
      readonly lastStableOffset?: string;
      readonly abortedTransactions?: readonly AbortedTransaction[];
      /** Messages, if they are in a format from before Kafka 0.11 or there are none. */
      readonly messages: Buffer | readonly unknown[];
    }[];
  }[];
}

/** Record batches of a partition from an offset, not decoded. */
export interface FetchedBatches extends RawBatches {
  /** Messages of transactions that are open begin here, and are not in the response. */
  readonly stableEnd: bigint;
  /** Whether the messages are in a format from before Kafka 0.11, and so not in `bytes`. */
  readonly isOldFormat: boolean;
}

type Batch = new (
  topic: string,
  from: string,
  answer: PartitionAnswer,
) => { readonly messages: readonly KafkaMessage[]; readonly messagesWithinOffset: readonly Fetched[] };

/** The reason why an offset has no message. */
export type Gap = 'marker' | 'aborted' | 'compacted';

/** The start of a partition from an offset, as much as one fetch returns. */
export interface FetchedRange {
  /** Committed messages. They retain the whole response: copy what must outlive it. */
  readonly messages: readonly KafkaMessage[];
  /** The offset at which the next fetch continues. */
  readonly next: bigint;
  /** Returns why an offset in the range has no message. */
  gapAt(offset: bigint): Gap;
}

/**
 * Reads committed messages of single partitions at any offset. Unlike a consumer, it joins no
 * group: a read is one request, needs no permission for groups and leaves nothing on the broker.
 */
export class PartitionReader {
  readonly #settings: Settings['kafka'];
  readonly #signal: AbortSignal;
  readonly #cluster: Cluster;
  readonly #policy: RetryPolicy;
  readonly #Batch: Batch;
  readonly #fetchVersions: unknown;
  /** The first fetch connects: two at the same time would leave a socket open forever. */
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
   * @param policy of each request; by default one for a waiting person.
   * @throws ServiceUnavailableError, ServiceRefusedError; what the work throws.
   */
  static async with<T>(
    settings: Settings['kafka'],
    signal: AbortSignal,
    work: (reader: PartitionReader) => Promise<T>,
    policy: RetryPolicy = probeRetry,
  ): Promise<T> {
    const cluster = createCluster(createKafka(settings, 'browse'));
    try {
      const reader = new PartitionReader(settings, signal, cluster, policy);
      await reader.#ask(() => cluster.connect());
      return await work(reader);
    } finally {
      await cluster.disconnect();
    }
  }

  /**
   * Fetches from an offset. Returns undefined at the end, which lies before an open transaction.
   * @param maxBytes of the response; one record batch may exceed it.
   * @throws ServiceUnavailableError, ServiceRefusedError, UnreadableBatchError, the signal's
   * reason.
   */
  async fetch(
    topic: string,
    partition: number,
    from: bigint,
    maxBytes: number,
  ): Promise<FetchedRange | undefined> {
    const answer = await this.#ask(async (attempt) => {
      const broker = await this.#leaderOf(topic, partition, attempt > 1);
      const { responses } = await broker.fetch(fetchOf(topic, partition, from, maxBytes));
      return responses[0]?.partitions[0];
    });
    const last = answer?.messages.at(-1);
    if (answer === undefined || last === undefined) return undefined;
    assertReadable(topic, partition, answer.messages);
    const batch = new this.#Batch(topic, String(from), answer);
    const messages = [...messagesOf(batch.messages)].filter(({ offset }) => BigInt(offset) >= from);
    const messagesWithinOffset = [...messagesOf(batch.messagesWithinOffset)];
    const next = BigInt(last.offset) + 1n;
    return {
      messages,
      next: next > from ? next : from + 1n,
      gapAt: (offset) => {
        const found = messagesWithinOffset.find((message) => message.offset === String(offset));
        if (found === undefined) return 'compacted';
        if (!found.isControlRecord) return 'aborted';
        return found.batchContext.isControlBatch ? 'marker' : 'compacted';
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

  async #leaderOf(topic: string, partition: number, isStale: boolean): Promise<Broker> {
    await this.#cluster.addTargetTopic(topic);
    if (isStale) await this.#cluster.refreshMetadata();
    const [nodeId = ''] = Object.keys(this.#cluster.findLeaderForPartitions(topic, [partition]));
    return this.#cluster.findBroker({ nodeId });
  }

  #ask<T>(question: (attempt: number) => Promise<T>): Promise<T> {
    return retry({ service: 'kafka' }, this.#policy, this.#signal, async (attempt) => {
      try {
        return await withDeadline(this.#signal, ANSWER_TIMEOUT_MS, (soon) =>
          Promise.race([this.#turns(() => question(attempt)), abortOf(soon)]),
        );
      } catch (error) {
        this.#signal.throwIfAborted();
        throw kafkaError(error, this.#settings);
      }
    });
  }
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

/** kafkajs has no public way to fetch without a consumer group. */
function createCluster(kafka: Kafka): Cluster {
  const symbol = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === CREATE_CLUSTER,
  );
  if (symbol === undefined) throw new Error(`this version of kafkajs lacks ${CREATE_CLUSTER}`);
  const create = (kafka as unknown as Record<symbol, (options: object) => Cluster>)[symbol];
  if (create === undefined) throw new Error(`this version of kafkajs lacks ${CREATE_CLUSTER}`);
  return create({ allowAutoTopicCreation: false, metadataMaxAge: 300_000, isolationLevel: READ_COMMITTED });
}

function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
