import { isDeepStrictEqual } from 'node:util';
import type { DriftMode } from '../../core/settings/config.ts';
import type { Registry } from '../../core/avro/registry.ts';
import type { StreamSchema } from '../../core/avro/schema.ts';
import { FRAME_BYTES, framed } from '../../core/avro/wire-format.ts';
import type { ByteWriter } from '../../core/avro/byte-writer.ts';
import { FrozenSchemaError, OversizedRecordError, UnexpectedAnswerError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import { logger } from '../../core/logger.ts';
import type { MessageLimit } from '../../core/kafka/message-limits.ts';
import { subjectOf } from '../../core/stream-name.ts';
import { wellFormed } from '../../core/well-formed.ts';
import type { TextHash } from '../chartmogul/list-entry.ts';
import type { SourceList } from '../chartmogul/source-list.ts';
import type { StreamSpec } from '../chartmogul/streams.ts';
import type { StreamCounts } from '../report/stream-counts.ts';
import { driftName, evolve, type Drift, type ValueKind } from './drift.ts';
import type { HashedKey } from './hashed-key.ts';
import { EMPTY_BATCH_BYTES, messageHeaders, recordBytes, type Message } from './message.ts';
import { RecordEncoder } from './record-encoder.ts';
import type { RecordHash } from './record-hash.ts';
import { streamSchema } from './stream-schema.ts';

export interface MessageEncoderOptions {
  readonly registry: Registry;
  readonly topicPrefix: string;
  readonly spec: StreamSpec;
  readonly mode: DriftMode;
  readonly counts: Pick<StreamCounts, 'topic' | 'discarded' | 'newFields'>;
  readonly messageLimit: MessageLimit;
}

export interface KeyedRecord {
  readonly record: JsonObject;
  readonly key: HashedKey<string>;
  readonly hash: RecordHash;
  /** Undefined if the text alone does not determine the record. */
  readonly textHash?: TextHash | undefined;
}

type Headers = NonNullable<Message['headers']>;

/**
 * More unknown fields than this in one record indicate a wrong response rather than schema drift.
 */
const MAX_DRIFTS_PER_RECORD = 500;

/** Registries store a schema in a Kafka message of at most 1 MiB, as JSON within JSON. */
const MAX_SCHEMA_BYTES = 800_000;

/**
 * Encodes the records of one stream. In mode `evolve`, if a record does not fit the schema, the
 * encoder registers the evolved schema before the first message that requires it. Rejected records
 * do not extend the schema.
 */
export class MessageEncoder {
  readonly #options: MessageEncoderOptions;
  #records: RecordEncoder;
  #schemaId: number;

  private constructor(options: MessageEncoderOptions, schema: StreamSchema, schemaId: number) {
    this.#options = options;
    this.#records = new RecordEncoder(schema);
    this.#schemaId = schemaId;
  }

  /**
   * Registers the initial schema of the stream, which may be inferred from the sample.
   *
   * @throws ConfigError, IncompatibleSchemaError, UnexpectedAnswerError, ServiceUnavailableError,
   * ServiceRefusedError
   */
  static async create(
    options: MessageEncoderOptions,
    sample: readonly JsonObject[],
  ): Promise<MessageEncoder> {
    const { registry, spec, topicPrefix } = options;
    const subject = subjectOf(topicPrefix, spec.name);
    const latest = await registry.latest(subject);
    const schema = firstSchema(spec, latest?.schema, sample);
    const isKnown = latest !== undefined && isDeepStrictEqual(latest.schema, schema);
    const schemaId = isKnown ? latest.id : await registry.register(subject, schema);
    const note = { stream: spec.name, fields: schema.fields.length };
    if (spec.primaryKey !== undefined && latest === undefined)
      logger.info(note, 'schema inferred from the first pages');
    return new MessageEncoder(options, schema, schemaId);
  }

  get records(): RecordEncoder {
    return this.#records;
  }

  /**
   * Encodes a record. Returns a promise only if the schema has to be extended first.
   *
   * @throws FrozenSchemaError, OversizedRecordError and other RecordErrors, and the errors of the
   * registry.
   */
  encode(keyed: KeyedRecord, list: SourceList): Message | Promise<Message> {
    const { mode, counts } = this.#options;
    if (mode === 'discard') {
      const { avro, discarded } = this.#records.encodeDiscarding(keyed.record);
      const headers = this.#headersOf(keyed, list, discarded.length === 0);
      this.#checkSize(avro, keyed, headers);
      counts.discarded += discarded.length;
      return this.#messageOf(keyed, headers, avro);
    }
    const headers = this.#headersOf(keyed, list, true);
    const encoded = this.#records.encode(keyed.record);
    if (encoded.drifts === undefined) {
      this.#checkSize(encoded.avro, keyed, headers);
      return this.#messageOf(keyed, headers, encoded.avro);
    }
    const { encoder, avro, learned } = this.#encodeEvolving(keyed.record, encoded.drifts);
    this.#checkSize(avro, keyed, headers);
    return this.#learn(encoder, learned).then(() => this.#messageOf(keyed, headers, avro));
  }

  #messageOf({ key }: KeyedRecord, headers: Headers, avro: ByteWriter): Message {
    return { key: key.value, value: framed(this.#schemaId, avro), headers };
  }

  #headersOf({ record, hash, textHash }: KeyedRecord, list: SourceList, isEntire: boolean): Headers {
    const { spec } = this.#options;
    const headers: Record<string, string | Buffer> = { [messageHeaders.hash]: hash };
    if (textHash !== undefined && isEntire)
      headers[messageHeaders.textHash] = Buffer.from(textHash, 'latin1');
    const parent = spec.parent && (list.visit?.parent ?? record[spec.parent.field]);
    if (typeof parent === 'string') headers[messageHeaders.parent] = wellFormed(parent);
    return headers;
  }

  /** Encodes until no drift is left: a misfit may appear only after a field has been added. */
  #encodeEvolving(record: JsonObject, firstDrifts: readonly Drift[]) {
    const learned = new Map<string, ValueKind>();
    let encoder = this.#records;
    for (let drifts = firstDrifts; ;) {
      if (this.#options.mode === 'freeze')
        throw new FrozenSchemaError(
          `the record has fields that the schema lacks: ${firstOf([...new Set(drifts.map(driftName))])}`,
        );
      const known = learned.size;
      for (const drift of drifts) learned.set(driftName(drift), drift.kind);
      if (learned.size > MAX_DRIFTS_PER_RECORD)
        throw new OversizedRecordError(
          `the record has more than ${MAX_DRIFTS_PER_RECORD} fields that the schema lacks`,
        );
      if (learned.size === known) throw new RangeError('the evolved schema still lacks the same fields');
      encoder = new RecordEncoder(evolve(encoder.schema, drifts));
      const encoded = encoder.encode(record);
      if (encoded.drifts === undefined) return { encoder, avro: encoded.avro, learned };
      drifts = encoded.drifts;
    }
  }

  /** @throws OversizedRecordError if the topic would not accept the message */
  #checkSize(avro: ByteWriter, { key }: KeyedRecord, headers: Headers): void {
    const { messageLimit, counts } = this.#options;
    const ofRest = recordBytes({ key: key.value, value: null, headers });
    const bytes = EMPTY_BATCH_BYTES + ofRest + FRAME_BYTES + avro.length;
    const limit = messageLimit(counts.topic);
    if (bytes <= limit) return;
    // A new encoder frees the buffer of the old one, which has grown to the size of this record.
    this.#records = new RecordEncoder(this.#records.schema);
    throw new OversizedRecordError(
      `the record's message has ${bytes} bytes; topic ${counts.topic} accepts at most ${limit} (max.message.bytes)`,
    );
  }

  async #learn(encoder: RecordEncoder, learned: ReadonlyMap<string, ValueKind>): Promise<void> {
    const { registry, spec, counts, topicPrefix } = this.#options;
    if (schemaBytes(encoder.schema) > MAX_SCHEMA_BYTES)
      throw new OversizedRecordError(
        `the new fields of the record make the schema larger than a registry accepts; STREAM_MODES=${spec.name}=discard omits them: ${firstOf([...learned.keys()])}`,
      );
    this.#schemaId = await registry.register(subjectOf(topicPrefix, spec.name), encoder.schema);
    for (const [field, type] of learned) counts.newFields.push({ field, type });
    const extension = { stream: spec.name, schemaId: this.#schemaId, fields: [...learned.keys()] };
    logger.info(extension, 'schema extended: new fields become columns');
    this.#records = encoder;
  }
}

/**
 * Returns the initial schema. If it is too large, ignores records that will be rejected because
 * they have too many fields.
 */
function firstSchema(
  spec: StreamSpec,
  latest: StreamSchema | undefined,
  sample: readonly JsonObject[],
): StreamSchema {
  const schema = streamSchema(spec, latest, sample);
  if (sample.length === 0 || schemaBytes(schema) <= MAX_SCHEMA_BYTES) return schema;
  const usual = sample.filter((record) => Object.keys(record).length <= MAX_DRIFTS_PER_RECORD);
  const smaller = usual.length > 0 ? streamSchema(spec, latest, usual) : schema;
  if (schemaBytes(smaller) <= MAX_SCHEMA_BYTES) return smaller;
  throw new UnexpectedAnswerError(
    `${spec.name}: the records have more fields than a registry accepts in a schema (${MAX_SCHEMA_BYTES} bytes)`,
  );
}

function schemaBytes(schema: StreamSchema): number {
  return Buffer.byteLength(JSON.stringify(schema));
}

const MAX_NAMES = 20;
const MAX_NAME_LENGTH = 100;

/** Joins the first few names into a string that is short enough for a header. */
function firstOf(names: readonly string[]): string {
  const first = names.slice(0, MAX_NAMES).map((name) => name.slice(0, MAX_NAME_LENGTH));
  const others = names.length - first.length;
  return first.join(', ') + (others > 0 ? ` and ${others} more` : '');
}
