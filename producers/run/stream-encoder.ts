import { RecordError } from '../../core/errors.ts';
import { isJsonObject, type JsonValue } from '../../core/json.ts';
import { logger } from '../../core/logger.ts';
import { TimeSlice } from '../../core/time-slice.ts';
import { deadLettersTopic } from '../../core/stream-name.ts';
import type { KeyField } from '../chartmogul/find-records.ts';
import type { EntryText, ListEntry } from '../chartmogul/list-entry.ts';
import type { KnownTexts } from '../chartmogul/list-page.ts';
import type { Page, SourceEvent } from '../chartmogul/source-list.ts';
import { deadLetterMessage, pageLabel } from '../encode/dead-letter-message.ts';
import { HashedKey } from '../encode/hashed-key.ts';
import { MessageEncoder, type KeyedRecord, type MessageEncoderOptions } from '../encode/message-encoder.ts';
import { messageHeaders, type Message } from '../encode/message.ts';
import { withSingleKey } from '../encode/single-record.ts';
import { deadLetterKeyOf, textOf } from '../encode/source-record.ts';
import type { EncodedEvent, EncodedPage } from '../publish/transaction-writable.ts';
import type { StreamCounts } from '../report/stream-counts.ts';
import type { ChildTable } from '../state/child-table.ts';
import { identify, type Identified, type IdentifyOptions } from '../state/identify.ts';
import type { Change, KeyTable } from '../state/key-table.ts';

export interface StreamEncoderOptions extends MessageEncoderOptions, IdentifyOptions {
  /** The parents of the keys on the topic. */
  readonly children: ChildTable;
  readonly deadLetters: KeyTable;
  /** Dead letters that a user has discarded. */
  readonly discarded: KeyTable;
  readonly counts: StreamCounts;
  /** Stops the encoding of a long page. */
  readonly signal?: AbortSignal;
}

/**
 * Number of dead letters per stream and run that are logged individually. The summary has the
 * total.
 */
const MAX_LOGGED_DEAD_LETTERS = 10;

/** Limits the sample from which the schema of a stream without a schema file is inferred. */
const SAMPLE_RECORDS = 400;
const SAMPLE_PAGES = 20;

/** Converts new and changed records of a stream to messages, and rejected ones to dead letters. */
export class StreamEncoder implements KnownTexts {
  readonly #options: StreamEncoderOptions;
  #encoder: MessageEncoder | undefined;
  #isRegistered: Promise<void> | undefined;
  #loggedDeadLetters = 0;
  /** Keys of this run's dead letters. Lists overlap, but each record counts once. */
  readonly #rejected = new Set<string>();

  constructor(options: StreamEncoderOptions) {
    this.#options = options;
  }

  /**
   * Registers the schema. Streams with an inferred schema, and streams that the account may lack,
   * wait for their first pages. Meanwhile, `encode` may already read its first event.
   *
   * @throws IncompatibleSchemaError, ServiceUnavailableError, ServiceRefusedError
   */
  begin(): Promise<void> {
    return (this.#isRegistered ??= this.#register());
  }

  async #register(): Promise<void> {
    const { spec } = this.#options;
    if (spec.primaryKey === undefined && spec.isOptional !== true)
      this.#encoder = await MessageEncoder.create(this.#options, []);
  }

  /** Encodes the pages and passes on all other events. A stage of `pipeline`. */
  async *encode(events: AsyncIterable<SourceEvent>): AsyncGenerator<EncodedEvent, void, undefined> {
    let waiting: SourceEvent[] = [];
    for await (const event of events) {
      await this.#isRegistered;
      waiting.push(event);
      if (!this.#isReady(waiting)) continue;
      if (!(yield* this.#encodeAll(waiting))) return;
      waiting = [];
    }
    yield* this.#encodeAll(waiting);
  }

  #isReady(waiting: readonly SourceEvent[]): boolean {
    if (this.#encoder !== undefined || this.#options.spec.primaryKey === undefined) return true;
    const pages = waiting.filter((event) => event.kind === 'page');
    const records = pages.reduce((sum, page) => sum + page.entries.length, 0);
    return records === 0 || records >= SAMPLE_RECORDS || pages.length >= SAMPLE_PAGES;
  }

  /** Returns false if the signal aborted during a long page. The next run reads the page again. */
  async *#encodeAll(events: readonly SourceEvent[]): AsyncGenerator<EncodedEvent, boolean, undefined> {
    for (const event of events) {
      const encoded = event.kind === 'page' ? await this.#encodePage(event, events) : event;
      if (encoded === undefined) return false;
      yield encoded;
    }
    return true;
  }

  async #encodePage(page: Page, sample: readonly SourceEvent[]): Promise<EncodedPage | undefined> {
    const messages: Message[] = [];
    const deadLetters: Message[] = [];
    if (page.entries.length === 0) return { ...page, messages, deadLetters };
    const encoder = (this.#encoder ??= await this.#createEncoder(sample));
    const { counts, keys, signal } = this.#options;
    const slice = new TimeSlice();
    for (const entry of page.entries) {
      if (slice.isOver()) {
        await slice.next();
        if (signal?.aborted === true) return undefined;
      }
      if (this.#isOnTopic(entry)) continue;
      const record = identify(entry, page.list, encoder.records, this.#options);
      // Lists overlap, and rows move while they are read, but each record counts once.
      const isRepeated = record.key !== undefined && keys.isSeen(record.key);
      if (!isRepeated) counts.records++;
      try {
        if (record.error !== undefined) throw record.error;
        const change = keys.compare(record.key, record.hash);
        if (change === 'unchanged' && this.#needsNoMessage(record.key, isRepeated)) continue;
        const encoded = encoder.encode(record, page.list);
        // Awaiting each message would take longer than encoding it.
        const message = encoded instanceof Promise ? await encoded : encoded;
        this.#note(record, message, change);
        messages.push(message);
      } catch (error) {
        if (!(error instanceof RecordError)) throw error;
        const deadLetter = this.#reject(error, entry.value, record, page);
        if (deadLetter !== undefined) deadLetters.push(deadLetter);
      }
    }
    return { ...page, messages, deadLetters };
  }

  async #createEncoder(sample: readonly SourceEvent[]): Promise<MessageEncoder> {
    const { spec } = this.#options;
    const pages = sample.filter((event) => event.kind === 'page');
    const records = pages.flatMap(({ list, entries }) =>
      entries
        .map(({ value }) => value)
        .filter(isJsonObject)
        .map((record) => withSingleKey(record, list, spec, undefined)),
    );
    return MessageEncoder.create(this.#options, records);
  }

  get keyField(): KeyField | undefined {
    return this.#encoder?.records.keyField;
  }

  holds({ key, hash }: EntryText): boolean {
    const { keys, isFull } = this.#options;
    return !isFull && keys.holdsText(key, hash);
  }

  /** Returns whether the record's text is already on the topic, and if so counts the record. */
  #isOnTopic({ text, isParsed }: ListEntry): boolean {
    // A message that was encoded since the page was read may have replaced this record.
    if (text === undefined || isParsed || !this.holds(text)) return false;
    const { keys, counts } = this.#options;
    if (!keys.isSeen(text.key)) {
      keys.see(text.key);
      counts.records++;
      counts.unchanged++;
    }
    return true;
  }

  /**
   * Returns whether the record does not need a message. With `--full`, each record is sent once
   * even if it is unchanged.
   */
  #needsNoMessage(key: HashedKey<string>, isRepeated: boolean): boolean {
    const { keys, counts, isFull } = this.#options;
    if (isRepeated) return true;
    if (isFull) return false;
    keys.see(key);
    counts.unchanged++;
    return true;
  }

  /** Notes a message that will be on the topic. */
  #note({ key, hash, textHash }: KeyedRecord, { headers }: Message, change: Change): void {
    const { keys, children, counts } = this.#options;
    counts[change]++;
    keys.set(key, hash, headers?.[messageHeaders.textHash] === undefined ? undefined : textHash);
    keys.see(key);
    const parent = headers?.[messageHeaders.parent];
    if (parent !== undefined) children.set(key, parent);
  }

  /**
   * Returns the dead letter of a record; undefined if the record is already on the dead-letter
   * topic. Counts it unless a user has discarded it.
   */
  #reject(error: RecordError, value: JsonValue, { key, hash }: Identified, page: Page): Message | undefined {
    const { spec, deadLetters, discarded, keys, counts, topicPrefix, messageLimit } = this.#options;
    const deadLetterKey = new HashedKey(deadLetterKeyOf(spec.name, key?.value, hash));
    // The source has the record, so an earlier message of its key must not be deleted.
    if (key !== undefined) keys.see(key);
    if (discarded.compare(deadLetterKey, hash) === 'unchanged') return undefined;
    const isKnown = deadLetters.compare(deadLetterKey, hash) === 'unchanged';
    if (!this.#rejected.has(deadLetterKey.value)) counts.deadLettered++;
    this.#rejected.add(deadLetterKey.value);
    if (isKnown) return undefined;
    deadLetters.set(deadLetterKey, hash);
    const place = { stream: spec.name, page: pageLabel(page) };
    if (++this.#loggedDeadLetters <= MAX_LOGGED_DEAD_LETTERS)
      logger.warn({ ...place, reason: error.message }, 'record sent to the dead-letter topic');
    const rejected = { ...place, deadLetterKey: deadLetterKey.value, key: key?.value, hash };
    const json = Buffer.from(textOf(value));
    return deadLetterMessage(
      { ...rejected, value: json },
      error,
      messageLimit(deadLettersTopic(topicPrefix)),
    );
  }
}
