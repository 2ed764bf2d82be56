import { Writable } from 'node:stream';
import type { CheckpointTracker } from '../state/checkpoint-tracker.ts';
import type { Page } from '../chartmogul/source-list.ts';
import { bytesOf, type Message, type TopicMessages } from '../encode/message.ts';

/** A page, encoded: what goes onto the stream's topic, and the records that are set aside. */
export interface EncodedPage {
  readonly page: Page;
  readonly messages: readonly Message[];
  readonly letters: readonly Message[];
}

export interface TransactionWritableOptions {
  readonly commit: (batches: readonly TopicMessages[]) => Promise<void>;
  readonly topics: { readonly stream: string; readonly checkpoints: string; readonly deadLetters: string };
  readonly tracker: CheckpointTracker;
  /** Told of the stream's messages that are committed. */
  readonly onCommitted: (messages: number, bytes: number) => void;
  readonly maxBytes?: number;
  readonly maxPages?: number;
  readonly maxAgeMs?: number;
}

type Callback = (error?: Error | null) => void;

/**
 * Writes pages to Kafka, several to a transaction, each with the checkpoint that it leads to: either all of it is seen, or
 * nothing. A transaction is begun when it is full by bytes or pages, or when its first page has waited long enough, or at the
 * end; so it is open for milliseconds. The callback of the write that fills it is held until it is committed: so a slow broker
 * stops the reading of the source, and memory holds one transaction.
 */
export class TransactionWritable extends Writable {
  readonly #options: Required<TransactionWritableOptions>;
  #messages: Message[] = [];
  #letters: Message[] = [];
  /** Of the messages; and of the letters, which fill a transaction as well. */
  #bytes = 0;
  #letterBytes = 0;
  #pages = 0;
  #age: NodeJS.Timeout | undefined;
  #committing: Promise<void> = Promise.resolve();

  constructor(options: TransactionWritableOptions) {
    super({ objectMode: true, highWaterMark: 1 });
    this.#options = { maxBytes: 1024 * 1024, maxPages: 200, maxAgeMs: 1_000, ...options };
  }

  override _write(
    { page, messages, letters }: EncodedPage,
    _encoding: BufferEncoding,
    callback: Callback,
  ): void {
    for (const message of messages) {
      this.#messages.push(message);
      this.#bytes += bytesOf(message);
    }
    for (const letter of letters) {
      this.#letters.push(letter);
      this.#letterBytes += bytesOf(letter);
    }
    this.#pages++;
    this.#options.tracker.advance(page);
    const { maxBytes, maxPages, maxAgeMs } = this.#options;
    if (this.#bytes + this.#letterBytes >= maxBytes || this.#pages >= maxPages) {
      this.#flush(callback);
      return;
    }
    this.#age ??= setTimeout(() => this.#flush((error) => error && this.destroy(error)), maxAgeMs);
    callback();
  }

  override _final(callback: Callback): void {
    this.#flush(callback);
  }

  override _destroy(error: Error | null, callback: Callback): void {
    clearTimeout(this.#age);
    // A transaction under way is Kafka's now; wait for it, so that nothing is sent after the stream has ended.
    this.#committing.then(
      () => callback(error),
      () => callback(error),
    );
  }

  #flush(callback: Callback): void {
    this.#committing = this.#committing.then(() => this.#commit());
    this.#committing.then(() => callback(), callback);
  }

  async #commit(): Promise<void> {
    clearTimeout(this.#age);
    this.#age = undefined;
    if (this.#pages === 0) return;
    const { commit, topics, tracker, onCommitted } = this.#options;
    const [messages, letters, bytes] = [this.#messages, this.#letters, this.#bytes];
    const checkpoints = tracker.take();
    this.#messages = [];
    this.#letters = [];
    this.#bytes = 0;
    this.#letterBytes = 0;
    this.#pages = 0;
    await commit([
      { topic: topics.stream, messages },
      { topic: topics.deadLetters, messages: letters },
      { topic: topics.checkpoints, messages: checkpoints },
    ]);
    onCommitted(messages.length, bytes);
  }
}
