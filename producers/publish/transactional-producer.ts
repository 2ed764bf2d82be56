import type { Message as KafkaMessage, Producer, Transaction } from 'kafkajs';
import type { Settings } from '../../core/settings/config.ts';
import { FencedError, messageOf, ServiceRefusedError, ServiceUnavailableError } from '../../core/errors.ts';
import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import { createKafka, producerOptions } from '../../core/kafka/client.ts';
import { isTooLargeForKafka, kafkaError } from '../../core/kafka/kafka-error.ts';
import { ownMessageLimit, type MessageLimit } from '../../core/kafka/message-limits.ts';
import { logger } from '../../core/logger.ts';
import { markerRetry, retry } from '../../core/retry.ts';
import { EMPTY_BATCH_BYTES, recordBytes, type Message, type TopicMessages } from '../encode/message.ts';

/** Time after which the broker aborts the transaction of a dead producer. */
const TRANSACTION_TIMEOUT_MS = 30_000;

/** Maximum wait of {@link TransactionalProducer.awaitVisible}, even while Kafka is unavailable. */
const VISIBLE_DEADLINE_MS = 10_000;

/** Maximum size of one request to Kafka. A single message may be larger. */
const MAX_REQUEST_BYTES = 512 * 1024;

type ProducerSettings = Pick<Settings, 'kafka' | 'topicPrefix'>;

/**
 * Sends the messages of one stream. Each commit is one Kafka transaction. Each stream has its own
 * transactional id.
 */
export class TransactionalProducer {
  readonly #settings: ProducerSettings;
  readonly #messageLimit: MessageLimit;
  readonly #producer: Producer;
  /** An offset of the last transaction, by topic and partition. */
  #lastOffsets = new Map<string, Map<number, bigint>>();

  private constructor(settings: ProducerSettings, stream: string, messageLimit: MessageLimit) {
    this.#settings = settings;
    this.#messageLimit = messageLimit;
    this.#producer = createKafka(settings.kafka, 'produce', {
      // A transaction often has to wait a few milliseconds for the markers of the previous one.
      retry: { initialRetryTime: 10, multiplier: 1.5, retries: 20, maxRetryTime: 5_000 },
    }).producer({
      transactionalId: `${settings.topicPrefix}produce.${stream}`,
      transactionTimeout: TRANSACTION_TIMEOUT_MS,
      ...producerOptions,
    });
  }

  /**
   * Connects, and fences the previous producer of the stream.
   *
   * @throws ServiceUnavailableError, ServiceRefusedError
   */
  static async connect(settings: ProducerSettings, stream: string): Promise<TransactionalProducer> {
    const producer = await TransactionalProducer.open(settings, stream, ownMessageLimit);
    try {
      await producer.fence();
    } catch (error) {
      await producer.close();
      throw error;
    }
    return producer;
  }

  /**
   * Connects without affecting other producers. The caller then calls {@link fence}.
   *
   * @throws ServiceUnavailableError, ServiceRefusedError
   */
  static async open(
    settings: ProducerSettings,
    stream: string,
    messageLimit: MessageLimit,
  ): Promise<TransactionalProducer> {
    const producer = new TransactionalProducer(settings, stream, messageLimit);
    try {
      // kafkajs requests a producer id here, but not the one that belongs to the transactional id.
      await producer.#producer.connect();
    } catch (error) {
      await producer.close();
      throw kafkaError(error, settings.kafka);
    }
    return producer;
  }

  /**
   * Fences the previous producer of the stream, and aborts its transaction.
   *
   * @throws ServiceUnavailableError, ServiceRefusedError
   */
  async fence(): Promise<void> {
    try {
      // kafkajs fences only when a transaction begins.
      const empty = await this.#producer.transaction();
      await empty.abort();
    } catch (error) {
      throw kafkaError(error, this.#settings.kafka);
    }
  }

  /**
   * Sends all messages in one transaction, and keeps the order within each topic. After a failure
   * the outcome may be unknown; the next producer finds it on the topic `checkpoints`.
   *
   * @throws FencedError, ServiceUnavailableError, ServiceRefusedError
   */
  async commit(batches: readonly TopicMessages[]): Promise<void> {
    let transaction: Transaction | undefined;
    const startMs = performance.now();
    try {
      transaction = await this.#producer.transaction();
      this.#lastOffsets = new Map();
      for (const { topic, messages } of batches) {
        for (const part of inRequests(messages, Math.min(MAX_REQUEST_BYTES, this.#messageLimit(topic))))
          await this.#send(transaction, topic, part);
      }
      await transaction.commit();
    } catch (error) {
      if (transaction?.isActive() === true) await transaction.abort().catch(() => {});
      if (!isFenced(error)) throw kafkaError(error, this.#settings.kafka);
      // The broker reports a timed-out transaction with the same error as a fenced producer.
      if (performance.now() - startMs < TRANSACTION_TIMEOUT_MS)
        throw new FencedError(
          'another producer of the same stream has started, and Kafka rejects all further messages from this one: run only one producer per stream and TOPIC_PREFIX',
          { cause: error },
        );
      throw new ServiceUnavailableError(
        `Kafka did not commit a transaction within ${TRANSACTION_TIMEOUT_MS / 1000} s and aborted it: the next run sends it again`,
        { service: 'Kafka', cause: error },
      );
    }
  }

  async #send(transaction: Transaction, topic: string, messages: KafkaMessage[]): Promise<void> {
    try {
      const sent = await transaction.send({ topic, messages, acks: -1 });
      const offsets = this.#lastOffsets.get(topic) ?? new Map<number, bigint>();
      for (const { partition, baseOffset } of sent) offsets.set(partition, BigInt(baseOffset ?? 0));
      this.#lastOffsets.set(topic, offsets);
    } catch (error) {
      if (!isTooLargeForKafka(error)) throw error;
      throw new ServiceRefusedError(
        `topic ${topic} rejects a message because of its size: set its max.message.bytes to ${ownMessageLimit(topic)}, ` +
          'and allow KAFKA_USERNAME to describe topic configurations',
        { cause: error },
      );
    }
  }

  async close(): Promise<void> {
    await this.#producer.disconnect();
  }

  /**
   * Waits until readers see the last transactions, and therefore all earlier ones. Kafka
   * acknowledges a commit before it writes the markers, so a reader that starts immediately might
   * not see the last messages. Only logs a failure, because the messages are committed.
   */
  static async awaitVisible(admin: KafkaAdmin, producers: Iterable<TransactionalProducer>): Promise<void> {
    const signal = AbortSignal.timeout(VISIBLE_DEADLINE_MS);
    const limited = admin.with({ signal });
    try {
      for (const [topic, offsets] of TransactionalProducer.#lastOffsetsOf(producers)) {
        await retry({ topic }, markerRetry, signal, async () => {
          const ends = (await limited.topicOffsets(topic))?.partitions ?? [];
          if (ends.some(({ partition, end }) => end <= (offsets.get(partition) ?? -1n)))
            throw new ServiceUnavailableError(`the last messages of ${topic} are not visible to readers yet`);
        });
      }
    } catch (error) {
      logger.warn({ reason: messageOf(error) }, 'the last messages may not be visible to readers yet');
    }
  }

  /** Returns the highest offset by topic and partition. Readers see all lower offsets before it. */
  static #lastOffsetsOf(producers: Iterable<TransactionalProducer>): Map<string, Map<number, bigint>> {
    const highest = new Map<string, Map<number, bigint>>();
    for (const [topic, offsets] of [...producers].flatMap((producer) => [...producer.#lastOffsets])) {
      const known = highest.get(topic) ?? new Map<number, bigint>();
      for (const [partition, offset] of offsets)
        if (offset > (known.get(partition) ?? -1n)) known.set(partition, offset);
      highest.set(topic, known);
    }
    return highest;
  }
}

/** Splits messages into requests that a broker accepts even as a single record batch. */
function* inRequests(messages: readonly Message[], maxBytes: number): Generator<KafkaMessage[]> {
  let part: KafkaMessage[] = [];
  let partBytes = EMPTY_BATCH_BYTES;
  for (const message of messages) {
    const bytes = recordBytes(message);
    if (part.length > 0 && partBytes + bytes > maxBytes) {
      yield part;
      part = [];
      partBytes = EMPTY_BATCH_BYTES;
    }
    part.push(message);
    partBytes += bytes;
  }
  if (part.length > 0) yield part;
}

/**
 * Returns whether a broker has fenced the producer. Also checks the causes, because kafkajs wraps
 * errors.
 */
function isFenced(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const type = 'type' in error ? error.type : undefined;
  return type === 'INVALID_PRODUCER_EPOCH' || type === 'INVALID_PRODUCER_ID_MAPPING' || isFenced(error.cause);
}
