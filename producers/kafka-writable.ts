import { Writable } from 'node:stream';
import type { Producer } from 'kafkajs';

/** A record as it goes onto the topic. */
export interface Message {
  readonly key: string;
  /** Framed Avro, or null for a delete. */
  readonly value: Buffer | null;
}

export interface KafkaWritableOptions {
  readonly producer: Producer;
  readonly topic: string;
  /** Told how many messages Kafka has acknowledged. */
  readonly onSent: (messages: number, bytes: number) => void;
  readonly maxBatchMessages?: number;
  readonly maxBatchBytes?: number;
  readonly lingerMs?: number;
}

type Callback = (error?: Error | null) => void;

/**
 * Writes messages to one topic in batches: a batch is sent when it is full by count or by bytes, when its first message
 * has lingered long enough, or at the end. The callback of the write that fills a batch is held until Kafka has
 * acknowledged it: so a slow broker stops the reading of the source, and memory holds one batch.
 */
export class KafkaWritable extends Writable {
  readonly #options: Required<KafkaWritableOptions>;
  #batch: Message[] = [];
  #batchBytes = 0;
  #linger: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;

  constructor(options: KafkaWritableOptions) {
    super({ objectMode: true, highWaterMark: 64 });
    this.#options = { maxBatchMessages: 2_000, maxBatchBytes: 512 * 1024, lingerMs: 200, ...options };
  }

  override _write(message: Message, _encoding: BufferEncoding, callback: Callback): void {
    const bytes = Buffer.byteLength(message.key) + (message.value?.length ?? 0);
    const isOver = this.#batch.length > 0 && this.#batchBytes + bytes > this.#options.maxBatchBytes;
    if (isOver) this.#flush((error) => (error ? callback(error) : this.#accept(message, bytes, callback)));
    else this.#accept(message, bytes, callback);
  }

  override _final(callback: Callback): void {
    this.#flush(callback);
  }

  override _destroy(error: Error | null, callback: Callback): void {
    clearTimeout(this.#linger);
    // What is under way is Kafka's now; wait for it, so that nothing is sent after the stream has ended.
    const settled = this.#sending ?? Promise.resolve();
    settled.then(
      () => callback(error),
      () => callback(error),
    );
  }

  #accept(message: Message, bytes: number, callback: Callback): void {
    this.#batch.push(message);
    this.#batchBytes += bytes;
    const { maxBatchMessages, maxBatchBytes, lingerMs } = this.#options;
    if (this.#batch.length >= maxBatchMessages || this.#batchBytes >= maxBatchBytes) {
      this.#flush(callback);
      return;
    }
    this.#linger ??= setTimeout(() => this.#flush((error) => error && this.destroy(error)), lingerMs);
    callback();
  }

  #flush(callback: Callback): void {
    // One request after the other: the order of a key's messages is the order of the source.
    this.#sending = (this.#sending ?? Promise.resolve()).then(() => this.#send());
    this.#sending.then(() => callback(), callback);
  }

  async #send(): Promise<void> {
    clearTimeout(this.#linger);
    this.#linger = undefined;
    const messages = this.#batch;
    const bytes = this.#batchBytes;
    this.#batch = [];
    this.#batchBytes = 0;
    if (messages.length === 0) return;
    const { producer, topic, onSent } = this.#options;
    await producer.send({ topic, messages, acks: -1 });
    onSent(messages.length, bytes);
  }
}
