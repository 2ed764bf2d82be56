import { Writable } from 'node:stream';
import type { CheckpointTracker } from '../state/checkpoint-tracker.ts';
import type { Page, Plan, VisitEnd } from '../chartmogul/source-list.ts';
import { bytesOf, type Message, type TopicMessages } from '../encode/message.ts';

export interface EncodedPage extends Page {
  readonly messages: readonly Message[];
  readonly deadLetters: readonly Message[];
}

export type EncodedEvent = EncodedPage | Plan | VisitEnd;

export interface TransactionWritableOptions {
  readonly commit: (batches: readonly TopicMessages[]) => Promise<void>;
  readonly topics: { readonly stream: string; readonly checkpoints: string; readonly deadLetters: string };
  readonly tracker: CheckpointTracker;
  /** Called after each commit with the number and the bytes of the stream's messages. */
  readonly onCommitted: (messages: number, bytes: number) => void;
  readonly maxBytes?: number;
  readonly maxPages?: number;
  readonly maxAgeMs?: number;
}

type Callback = (error?: Error | null) => void;

/**
 * Writes pages to Kafka, several per transaction, together with the checkpoint after the last of
 * them. A transaction starts only when the limit of bytes or pages is reached, when the first page
 * has waited long enough, or at the end, so it stays open only for milliseconds. While a
 * transaction commits, the next one fills. The write that fills it calls back after that commit, so
 * a slow broker slows the reader, and at most two transactions are in memory.
 */
export class TransactionWritable extends Writable {
  readonly #options: Required<TransactionWritableOptions>;
  #messages: Message[] = [];
  #deadLetters: Message[] = [];
  #bytes = 0;
  /** Dead letters also fill a transaction, but do not count as bytes of the stream's topic. */
  #deadLetterBytes = 0;
  #pages = 0;
  #hasVisits = false;
  #age: NodeJS.Timeout | undefined;
  #committing: Promise<void> = Promise.resolve();

  constructor(options: TransactionWritableOptions) {
    super({ objectMode: true, highWaterMark: 1 });
    this.#options = { maxBytes: 1024 * 1024, maxPages: 200, maxAgeMs: 1_000, ...options };
  }

  override _write(event: EncodedEvent, _encoding: BufferEncoding, callback: Callback): void {
    const { tracker, maxBytes, maxPages, maxAgeMs } = this.#options;
    tracker.advance(event);
    if (event.kind === 'page') this.#add(event);
    if (event.kind === 'visit-end') this.#hasVisits = true;
    const isFull = this.#bytes + this.#deadLetterBytes >= maxBytes || this.#pages >= maxPages;
    if (isFull && !this.#isEmpty) {
      const before = this.#committing;
      this.#flush();
      before.then(() => callback(), callback);
      return;
    }
    if (!this.#isEmpty) this.#age ??= setTimeout(() => this.#flush(), maxAgeMs);
    callback();
  }

  #add({ messages, deadLetters }: EncodedPage): void {
    for (const message of messages) {
      this.#messages.push(message);
      this.#bytes += bytesOf(message);
    }
    for (const deadLetter of deadLetters) {
      this.#deadLetters.push(deadLetter);
      this.#deadLetterBytes += bytesOf(deadLetter);
    }
    this.#pages++;
  }

  /** Ignores a plan, which is committed only with the page after it. */
  get #isEmpty(): boolean {
    return this.#pages === 0 && !this.#hasVisits;
  }

  override _final(callback: Callback): void {
    this.#flush();
    this.#committing.then(() => callback(), callback);
  }

  override _destroy(error: Error | null, callback: Callback): void {
    clearTimeout(this.#age);
    // Waits for the transaction in progress, so that nothing is sent after the stream has ended.
    void this.#committing.catch(() => {}).then(() => callback(error));
  }

  /** Commits the events written so far, after all earlier transactions. */
  #flush(): void {
    clearTimeout(this.#age);
    this.#age = undefined;
    if (this.#isEmpty) return;
    const { commit, topics, tracker, onCommitted } = this.#options;
    const [messages, bytes] = [this.#messages, this.#bytes];
    const batches = [
      { topic: topics.stream, messages },
      { topic: topics.deadLetters, messages: this.#deadLetters },
      { topic: topics.checkpoints, messages: tracker.take() },
    ];
    this.#messages = [];
    this.#deadLetters = [];
    this.#bytes = 0;
    this.#deadLetterBytes = 0;
    this.#pages = 0;
    this.#hasVisits = false;
    this.#committing = this.#committing.then(async () => {
      if (this.destroyed) return;
      await commit(batches);
      onCommitted(messages.length, bytes);
    });
    this.#committing.catch((error: unknown) => this.destroy(error as Error));
  }
}
