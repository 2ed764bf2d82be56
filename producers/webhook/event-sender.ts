import type { Message as KafkaMessage, Producer } from 'kafkajs';
import { ServiceUnavailableError, type EtlError } from '../../core/errors.ts';
import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import { createKafka, producerOptions } from '../../core/kafka/client.ts';
import { kafkaError } from '../../core/kafka/kafka-error.ts';
import { singleAttempt } from '../../core/retry.ts';
import type { Settings } from '../../core/settings/config.ts';
import { recordBytes, type Message } from '../encode/message.ts';

/** Maximum size of one request to Kafka, unless a single message is larger. */
const MAX_REQUEST_BYTES = 512 * 1024;

/** Short timeouts, because ChartMogul also retries and the caller is waiting. */
const kafkaOptions = {
  retry: { initialRetryTime: 100, multiplier: 1.5, retries: 5, maxRetryTime: 1_000 },
  requestTimeout: 10_000,
};

interface Waiting {
  readonly topic: string;
  readonly message: Message;
  readonly onCommitted: () => void;
  readonly onFailed: (error: EtlError) => void;
}

/**
 * Sends messages to Kafka, one request at a time. A request contains the messages that arrived
 * during the previous request. After a failure the outcome is unknown, so ChartMogul has to send
 * the event again, which then has the same key.
 */
export class EventSender {
  readonly #admin: KafkaAdmin;
  readonly #settings: Settings['kafka'];
  readonly #topics: readonly string[];
  #producer: Producer | undefined;
  #waiting: Waiting[] = [];
  #isSending = false;
  #restoring: Promise<unknown> | undefined;

  constructor(admin: KafkaAdmin, settings: Settings['kafka'], topics: readonly string[]) {
    this.#admin = admin.with({ policy: singleAttempt });
    this.#settings = settings;
    this.#topics = topics;
  }

  /**
   * Resolves once all in-sync replicas have the message.
   *
   * @throws ServiceUnavailableError, ServiceRefusedError
   */
  send(topic: string, message: Message): Promise<void> {
    return new Promise((onCommitted, onFailed) => {
      this.#waiting.push({ topic, message, onCommitted, onFailed });
      if (!this.#isSending) void this.#sendAll();
    });
  }

  /** Rejects the messages that are still waiting, and disconnects. */
  async close(): Promise<void> {
    this.#fail(this.#waiting.splice(0), new ServiceUnavailableError('the receiver is stopping'));
    await this.#drop();
  }

  /** Never throws: each message has its own promise. */
  async #sendAll(): Promise<void> {
    this.#isSending = true;
    while (this.#waiting.length > 0) {
      const request = this.#nextRequest();
      try {
        await this.#send(request);
        for (const { onCommitted } of request) onCommitted();
      } catch (error) {
        // The other messages would fail for the same reason.
        this.#fail([...request, ...this.#waiting.splice(0)], kafkaError(error, this.#settings));
        // The sequence numbers of an idempotent producer may be unusable after a failure.
        void this.#drop();
        this.#restoreTopics();
      }
    }
    this.#isSending = false;
  }

  #nextRequest(): readonly Waiting[] {
    let bytes = 0;
    const count = this.#waiting.findIndex(({ message }, index) => {
      bytes += recordBytes(message);
      return index > 0 && bytes > MAX_REQUEST_BYTES;
    });
    return this.#waiting.splice(0, count === -1 ? this.#waiting.length : count);
  }

  async #send(request: readonly Waiting[]): Promise<void> {
    const byTopic = new Map<string, KafkaMessage[]>();
    for (const { topic, message } of request) {
      const messages = byTopic.get(topic) ?? [];
      byTopic.set(topic, messages);
      messages.push({ ...message });
    }
    const topicMessages = [...byTopic].map(([topic, messages]) => ({ topic, messages }));
    const producer = (this.#producer ??= await this.#connect());
    await producer.sendBatch({ topicMessages, acks: -1 });
  }

  async #connect(): Promise<Producer> {
    const producer = createKafka(this.#settings, 'webhook', kafkaOptions).producer(producerOptions);
    try {
      await producer.connect();
      return producer;
    } catch (error) {
      await producer.disconnect();
      throw error;
    }
  }

  async #drop(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    await producer?.disconnect().catch(() => undefined);
  }

  /**
   * Recreates topics that may have been deleted. Nothing awaits this, because it takes a long time
   * while Kafka is unavailable.
   */
  #restoreTopics(): void {
    this.#restoring ??= this.#admin
      .ensureTopics(this.#topics)
      .catch(() => undefined)
      .finally(() => (this.#restoring = undefined));
  }

  #fail(waiting: readonly Waiting[], error: EtlError): void {
    for (const { onFailed } of waiting) onFailed(error);
  }
}
