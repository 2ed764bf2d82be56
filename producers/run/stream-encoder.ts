import { isDeepStrictEqual } from 'node:util';
import type { DriftMode } from '../../core/settings/config.ts';
import type { Registry } from '../../core/avro/registry.ts';
import type { StreamSchema } from '../../core/avro/schema.ts';
import { FRAME_BYTES, framed } from '../../core/avro/wire-format.ts';
import type { ByteWriter } from '../../core/avro/byte-writer.ts';
import { deadLetterHeaders } from '../../core/dead-letters/dead-letter.ts';
import { truncated } from '../../core/dead-letters/truncate.ts';
import {
  FrozenSchemaError,
  messageOf,
  OversizedRecordError,
  RecordError,
  UnexpectedAnswerError,
  UnkeyedRecordError,
} from '../../core/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { logger } from '../../core/logger.ts';
import { TimeSlice } from '../../core/time-slice.ts';
import { ownMessageLimit, type MessageLimit } from '../../core/kafka/message-limits.ts';
import { deadLettersTopic, subjectOf } from '../../core/stream-name.ts';
import { wellFormed } from '../../core/well-formed.ts';
import { driftName, evolve, type Drift, type ValueKind } from '../encode/drift.ts';
import { RecordEncoder } from '../encode/record-encoder.ts';
import type { ChildTable } from '../state/child-table.ts';
import type { KeyTable } from '../state/key-table.ts';
import type { RecordHash } from '../encode/record-hash.ts';
import type { Page } from '../chartmogul/source-list.ts';
import type { StreamSpec } from '../chartmogul/streams.ts';
import { messageHash } from '../encode/message-hash.ts';
import { EMPTY_BATCH_BYTES, messageHeaders, recordBytes, type Message } from '../encode/message.ts';
import { hashOf, letterKeyOf, textOf } from '../encode/source-record.ts';
import { withSingleKey } from '../encode/single-record.ts';
import type { StreamCounts } from '../report/stream-counts.ts';
import { streamSchema } from '../encode/stream-schema.ts';
import type { EncodedPage } from '../publish/transaction-writable.ts';

export interface StreamEncoderOptions {
  readonly registry: Registry;
  readonly topicPrefix: string;
  readonly spec: StreamSpec;
  readonly mode: DriftMode;
  /** Send every record, whether it changed or not. */
  readonly isFull: boolean;
  /** What the stream's topic holds. */
  readonly keys: KeyTable;
  /** Which of its keys stand under which parent. */
  readonly children: ChildTable;
  /** What the topic of dead letters holds. */
  readonly letters: KeyTable;
  /** What of it a person has given up. */
  readonly discarded: KeyTable;
  readonly counts: StreamCounts;
  /** That of topics as we make them, if it is not said. */
  readonly messageLimit?: MessageLimit;
  /** Aborts the encoding of a long page. */
  readonly signal?: AbortSignal;
}

/** More fields than this from one record are an answer gone wrong, not drift. */
const MAX_DRIFTS_PER_RECORD = 500;

/** Registries keep a schema in a Kafka message of 1 MiB, as JSON within JSON. */
const MAX_SCHEMA_BYTES = 800_000;

/** Of a letter, left for the headers that a redrive adds. */
const SPARE_LETTER_BYTES = 16 * 1024;

/** Dead letters of a run that are told one by one; the summary has their number. */
const MAX_LETTERS_TOLD = 10;

/** How much of a stream without a schema file is looked at before its schema is made. */
const SAMPLE_RECORDS = 400;
const SAMPLE_PAGES = 20;

/**
 * Turns the records of one stream into messages: only those that are new or changed, as against what the topic holds. It
 * begins with the schema file and what earlier runs learnt; when a record does not fit, the evolved schema is registered
 * before the first message that needs it. What cannot become a message becomes a dead letter.
 */
export class StreamEncoder {
  readonly #options: StreamEncoderOptions;
  readonly #subject: string;
  #encoder: RecordEncoder | undefined;
  #schemaId = 0;
  #lettersTold = 0;
  /** Of this run: lists overlap, and a record counts once. */
  readonly #setAside = new Set<string>();

  constructor(options: StreamEncoderOptions) {
    this.#options = options;
    this.#subject = subjectOf(options.topicPrefix, options.spec.name);
  }

  /**
   * Makes the schema known: that of the registry, or of the schema file. A stream that has neither waits for its first pages,
   * as does one that the account may not have.
   *
   * @throws IncompatibleSchemaError, ServiceUnavailableError, ServiceRefusedError
   */
  async begin(): Promise<void> {
    const { spec } = this.#options;
    if (spec.primaryKey === undefined && spec.isOptional !== true) await this.#useSchema([]);
  }

  /** For `pipeline`: pages in, encoded pages out. */
  async *encode(pages: AsyncIterable<Page>): AsyncGenerator<EncodedPage, void, undefined> {
    let sample: Page[] = [];
    for await (const page of pages) {
      if (this.#encoder !== undefined) {
        const encoded = await this.#encodePage(page, this.#encoder);
        if (encoded === undefined) return;
        yield encoded;
        continue;
      }
      if (sample.length === 0 && page.records.length === 0) {
        yield { page, messages: [], letters: [] };
        continue;
      }
      sample.push(page);
      if (!this.#isEnough(sample)) continue;
      yield* this.#encodeSample(sample);
      sample = [];
    }
    if (sample.length > 0) yield* this.#encodeSample(sample);
  }

  #isEnough(sample: readonly Page[]): boolean {
    const records = sample.reduce((sum, page) => sum + page.records.length, 0);
    const isInferred = this.#options.spec.primaryKey !== undefined;
    return !isInferred || records >= SAMPLE_RECORDS || sample.length >= SAMPLE_PAGES;
  }

  async *#encodeSample(sample: readonly Page[]): AsyncGenerator<EncodedPage, void, undefined> {
    const { spec } = this.#options;
    const encoder = await this.#useSchema(
      sample.flatMap(({ list, records }) =>
        records.filter(isJsonObject).map((record) => withSingleKey(record, list, spec, undefined)),
      ),
    );
    for (const page of sample) {
      const encoded = await this.#encodePage(page, this.#encoder ?? encoder);
      if (encoded === undefined) return;
      yield encoded;
    }
  }

  async #useSchema(sample: readonly JsonObject[]): Promise<RecordEncoder> {
    const { registry, spec } = this.#options;
    const latest = await registry.latest(this.#subject);
    const schema = this.#schemaOf(sample, latest?.schema);
    const isKnown = latest !== undefined && isDeepStrictEqual(latest.schema, schema);
    this.#schemaId = isKnown ? latest.id : await registry.register(this.#subject, schema);
    if (spec.primaryKey !== undefined && latest === undefined)
      logger.info(
        { stream: spec.name, fields: schema.fields.length },
        'schema inferred from the first pages',
      );
    return (this.#encoder = new RecordEncoder(schema));
  }

  /** A record with more fields than a registry takes is not what its stream is like: it is left to be set aside. */
  #schemaOf(sample: readonly JsonObject[], latest: StreamSchema | undefined): StreamSchema {
    const { spec } = this.#options;
    const schema = streamSchema(spec, latest, sample);
    if (sample.length === 0 || schemaBytes(schema) <= MAX_SCHEMA_BYTES) return schema;
    const usual = sample.filter((record) => Object.keys(record).length <= MAX_DRIFTS_PER_RECORD);
    const smaller = usual.length > 0 ? streamSchema(spec, latest, usual) : schema;
    if (schemaBytes(smaller) <= MAX_SCHEMA_BYTES) return smaller;
    throw new UnexpectedAnswerError(
      `${spec.name}: its records have more fields than a registry takes in a schema, which is ${MAX_SCHEMA_BYTES} bytes`,
    );
  }

  /** Undefined if the signal aborts during a long page: the next run reads the page again. */
  async #encodePage(page: Page, begun: RecordEncoder): Promise<EncodedPage | undefined> {
    const { counts, keys, mode, isFull, signal } = this.#options;
    const messages: Message[] = [];
    const letters: Message[] = [];
    const slice = new TimeSlice();
    for (const read of page.records) {
      if (slice.isOver()) {
        await slice.next();
        if (signal?.aborted === true) return undefined;
      }
      // As it was read: a key that it lacks is none of its values.
      let hash = hashOf(read);
      const value = isJsonObject(read)
        ? withSingleKey(read, page.list, this.#options.spec, (this.#encoder ?? begun).schema)
        : read;
      let key: string | undefined;
      try {
        if (!isJsonObject(value)) throw new UnkeyedRecordError('an entry of the list that is not an object');
        key = (this.#encoder ?? begun).keyOf(value);
        // Of lists that overlap, and of rows that move while they are read, a record counts once.
        const isRepeated = keys.isSeen(key);
        if (!isRepeated) counts.records++;
        const encoder = this.#encoder ?? begun;
        hash = messageHash(value, key, hash, { keys, encoder, mode, isFull: isFull && !isRepeated });
        if (isRepeated && keys.compare(key, hash) === 'unchanged') continue;
        const message = await this.#messageOf(key, value, hash, page);
        if (message !== undefined) messages.push(message);
      } catch (error) {
        if (!(error instanceof RecordError)) throw error;
        const letter = this.#letterOf(error, { key, value: read, hash, page });
        if (letter !== undefined) letters.push(letter);
        if (key === undefined) counts.records++;
      }
    }
    return { page, messages, letters };
  }

  /** Undefined for a record that the topic holds already. */
  async #messageOf(
    key: string,
    record: JsonObject,
    hash: RecordHash,
    { list }: Page,
  ): Promise<Message | undefined> {
    const { keys, children, counts, isFull, spec } = this.#options;
    const change = keys.compare(key, hash);
    if (change === 'unchanged' && !isFull) {
      keys.see(key);
      counts.unchanged++;
      return undefined;
    }
    const named = spec.parent && (list.visit?.parent ?? record[spec.parent.field]);
    const parent = typeof named === 'string' ? wellFormed(named) : undefined;
    const headers = {
      [messageHeaders.hash]: hash,
      ...(parent !== undefined && { [messageHeaders.parent]: parent }),
    };
    const message = await this.#encoded(record, { key, value: null, headers });
    keys.set(key, hash);
    keys.see(key);
    counts[change]++;
    if (parent !== undefined) children.set(key, parent);
    return message;
  }

  /** The message with its value. The schema learns only what a message is sent with. */
  async #encoded(record: JsonObject, message: Message): Promise<Message> {
    const { mode, counts } = this.#options;
    const begun = this.#ready();
    if (mode === 'discard') {
      const { avro, discarded } = begun.encodeDiscarding(record);
      this.#checkSize(avro, message);
      counts.discarded += discarded.length;
      return { ...message, value: framed(this.#schemaId, avro) };
    }
    // A misfit can show only after the field that hides it has been added, so evolution goes in rounds.
    const learnt = new Map<string, ValueKind>();
    let encoder = begun;
    let encoded = encoder.encode(record);
    while (encoded.drifts !== undefined) {
      const { drifts } = encoded;
      if (mode === 'freeze') throw new FrozenSchemaError(`fields that the schema lacks: ${namesOf(drifts)}`);
      const known = learnt.size;
      for (const drift of drifts) learnt.set(driftName(drift), drift.kind);
      if (learnt.size > MAX_DRIFTS_PER_RECORD)
        throw new OversizedRecordError(
          `a record with more than ${MAX_DRIFTS_PER_RECORD} fields that the schema does not know`,
        );
      if (learnt.size === known) throw new RangeError('a field that was learnt is still unknown');
      encoder = new RecordEncoder(evolve(encoder.schema, drifts));
      encoded = encoder.encode(record);
    }
    this.#checkSize(encoded.avro, message);
    if (encoder !== begun) await this.#learn(encoder, learnt);
    return { ...message, value: framed(this.#schemaId, encoded.avro) };
  }

  /** @throws OversizedRecordError when the topic would not take it */
  #checkSize(avro: ByteWriter, message: Message): void {
    const { messageLimit = ownMessageLimit, counts } = this.#options;
    const bytes = EMPTY_BATCH_BYTES + recordBytes(message) + FRAME_BYTES + avro.length;
    const limit = messageLimit(counts.topic);
    if (bytes <= limit) return;
    // A new one, whose buffer has not the size of this record.
    this.#encoder = new RecordEncoder(this.#ready().schema);
    throw new OversizedRecordError(
      `a record of ${bytes} bytes: topic ${counts.topic} takes ${limit} (max.message.bytes)`,
    );
  }

  async #learn(encoder: RecordEncoder, learnt: ReadonlyMap<string, ValueKind>): Promise<void> {
    const { registry, spec, counts } = this.#options;
    if (schemaBytes(encoder.schema) > MAX_SCHEMA_BYTES)
      throw new OversizedRecordError(
        `fields with which the schema would be larger than a registry takes; STREAM_MODES=${spec.name}=discard leaves them out: ${firstOf([...learnt.keys()])}`,
      );
    this.#schemaId = await registry.register(this.#subject, encoder.schema);
    for (const [field, type] of learnt) counts.newFields.push({ field, type });
    logger.info({ stream: spec.name, schemaId: this.#schemaId, fields: [...learnt.keys()] }, 'new fields');
    this.#encoder = encoder;
  }

  #ready(): RecordEncoder {
    if (this.#encoder === undefined) throw new RangeError('the schema is not known yet');
    return this.#encoder;
  }

  /** Undefined for a record that stands on the topic of dead letters already: it is counted, and not sent again. */
  #letterOf(
    error: RecordError,
    { key, value, hash, page }: { key: string | undefined; value: JsonValue; hash: RecordHash; page: Page },
  ): Message | undefined {
    const { spec, letters, discarded, keys, counts, topicPrefix } = this.#options;
    const { messageLimit = ownMessageLimit } = this.#options;
    const letterKey = letterKeyOf(spec.name, key, hash);
    // The source has it: whatever an earlier message says of the key is not to be deleted.
    if (key !== undefined) keys.see(key);
    if (discarded.compare(letterKey, hash) === 'unchanged') return undefined;
    const isKnown = letters.compare(letterKey, hash) === 'unchanged';
    if (!this.#setAside.has(letterKey)) counts.deadLettered++;
    this.#setAside.add(letterKey);
    if (isKnown) return undefined;
    letters.set(letterKey, hash);
    const at = `${page.list.id}, page ${page.number}`;
    if (++this.#lettersTold <= MAX_LETTERS_TOLD)
      logger.warn(
        { stream: spec.name, page: at, reason: error.message },
        'record set aside as a dead letter',
      );
    const letter = {
      key: letterKey,
      value: Buffer.from(textOf(value)),
      headers: {
        [deadLetterHeaders.stream]: spec.name,
        [deadLetterHeaders.step]: 'produce',
        [deadLetterHeaders.code]: error.code,
        [deadLetterHeaders.reason]: messageOf(error),
        [deadLetterHeaders.page]: at,
        [deadLetterHeaders.hash]: hash,
        ...(key !== undefined && { [deadLetterHeaders.key]: key }),
      },
    };
    const limit = messageLimit(deadLettersTopic(topicPrefix)) - SPARE_LETTER_BYTES;
    return EMPTY_BATCH_BYTES + recordBytes(letter) <= limit ? letter : truncated(letter);
  }
}

function schemaBytes(schema: StreamSchema): number {
  return Buffer.byteLength(JSON.stringify(schema));
}

function namesOf(drifts: readonly Drift[]): string {
  return firstOf([...new Set(drifts.map(driftName))]);
}

const MAX_NAMES = 20;
const MAX_NAME_LENGTH = 100;

/** For a reason: names that a header can hold. */
function firstOf(names: readonly string[]): string {
  const first = names.slice(0, MAX_NAMES).map((name) => name.slice(0, MAX_NAME_LENGTH));
  const others = names.length - first.length;
  return first.join(', ') + (others > 0 ? ` and ${others} more` : '');
}
