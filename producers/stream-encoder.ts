import { isDeepStrictEqual } from 'node:util';
import type { DriftMode } from '../core/config.ts';
import type { Registry } from '../core/avro/registry.ts';
import { framed } from '../core/avro/wire-format.ts';
import { deadLetterHeaders } from '../core/dead-letter.ts';
import { FrozenSchemaError, RecordError, UnexpectedAnswerError, UnkeyedRecordError } from '../core/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { logger } from '../core/logger.ts';
import { subjectOf } from '../core/stream-name.ts';
import { wellFormed } from '../core/well-formed.ts';
import { driftName, evolve, type Drift } from './avro/drift.ts';
import { RecordEncoder } from './avro/record-encoder.ts';
import type { ChildTable } from './changes/child-table.ts';
import type { KeyTable } from './changes/key-table.ts';
import type { RecordHash } from './changes/record-hash.ts';
import type { Page } from './chartmogul/source-list.ts';
import type { StreamSpec } from './chartmogul/streams.ts';
import { messageHash } from './message-hash.ts';
import { messageHeaders, type Message } from './message.ts';
import { hashOf, letterKeyOf, textOf } from './source-record.ts';
import { withSingleKey } from './single-record.ts';
import type { StreamCounts } from './stream-counts.ts';
import { streamSchema } from './stream-schema.ts';
import type { EncodedPage } from './transaction-writable.ts';

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
}

/** More fields than this from one record are an answer gone wrong, not drift. */
const MAX_DRIFTS_PER_RECORD = 500;

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
        yield await this.#encodePage(page, this.#encoder);
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
    for (const page of sample) yield await this.#encodePage(page, this.#encoder ?? encoder);
  }

  async #useSchema(sample: readonly JsonObject[]): Promise<RecordEncoder> {
    const { registry, spec } = this.#options;
    const latest = await registry.latest(this.#subject);
    const schema = streamSchema(spec, latest?.schema, sample);
    const isKnown = latest !== undefined && isDeepStrictEqual(latest.schema, schema);
    this.#schemaId = isKnown ? latest.id : await registry.register(this.#subject, schema);
    if (spec.primaryKey !== undefined && latest === undefined)
      logger.info(
        { stream: spec.name, fields: schema.fields.length },
        'schema inferred from the first pages',
      );
    return (this.#encoder = new RecordEncoder(schema));
  }

  async #encodePage(page: Page, begun: RecordEncoder): Promise<EncodedPage> {
    const { counts, keys, mode, isFull } = this.#options;
    const messages: Message[] = [];
    const letters: Message[] = [];
    for (const read of page.records) {
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
    const value = await this.#valueOf(record);
    keys.set(key, hash);
    keys.see(key);
    counts[change]++;
    const named = spec.parent && (list.visit?.parent ?? record[spec.parent.field]);
    const parent = typeof named === 'string' ? wellFormed(named) : undefined;
    if (parent !== undefined) children.set(key, parent);
    const headers = {
      [messageHeaders.hash]: hash,
      ...(parent !== undefined && { [messageHeaders.parent]: parent }),
    };
    return { key, value, headers };
  }

  async #valueOf(record: JsonObject): Promise<Buffer> {
    const { mode, counts } = this.#options;
    let encoder = this.#ready();
    if (mode === 'discard') {
      const { avro, discarded } = encoder.encodeDiscarding(record);
      counts.discarded += discarded.length;
      return framed(this.#schemaId, avro);
    }
    // A misfit can show only after the field that hides it has been added, so evolution goes in rounds.
    const learnt = new Set<string>();
    for (let round = 0; round <= MAX_DRIFTS_PER_RECORD; round++) {
      const encoded = encoder.encode(record);
      if (encoded.drifts === undefined) return framed(this.#schemaId, encoded.avro);
      const { drifts } = encoded;
      if (mode === 'freeze') throw new FrozenSchemaError(`fields that the schema lacks: ${namesOf(drifts)}`);
      for (const drift of drifts) learnt.add(driftName(drift));
      if (learnt.size > MAX_DRIFTS_PER_RECORD) break;
      encoder = await this.#learn(encoder, drifts);
    }
    throw new UnexpectedAnswerError(
      `${this.#options.spec.name}: one record has more than ${MAX_DRIFTS_PER_RECORD} fields that the schema does not know`,
    );
  }

  async #learn(encoder: RecordEncoder, drifts: readonly Drift[]): Promise<RecordEncoder> {
    const { registry, spec, counts } = this.#options;
    const schema = evolve(encoder.schema, drifts);
    this.#schemaId = await registry.register(this.#subject, schema);
    const fields = new Map(drifts.map((drift) => [driftName(drift), drift.kind]));
    for (const [field, type] of fields) counts.newFields.push({ field, type });
    logger.info({ stream: spec.name, schemaId: this.#schemaId, fields: [...fields.keys()] }, 'new fields');
    return (this.#encoder = new RecordEncoder(schema));
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
    const { spec, letters, discarded, keys, counts } = this.#options;
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
    return {
      key: letterKey,
      value: Buffer.from(textOf(value)),
      headers: {
        [deadLetterHeaders.stream]: spec.name,
        [deadLetterHeaders.step]: 'produce',
        [deadLetterHeaders.code]: error.code,
        [deadLetterHeaders.reason]: error.message,
        [deadLetterHeaders.page]: at,
        [deadLetterHeaders.hash]: hash,
        ...(key !== undefined && { [deadLetterHeaders.key]: key }),
      },
    };
  }
}

function namesOf(drifts: readonly Drift[]): string {
  return [...new Set(drifts.map(driftName))].join(', ');
}
