import { isDeepStrictEqual } from 'node:util';
import type { Registry } from '../core/avro/registry.ts';
import { readStreamSchema } from '../core/avro/schema-files.ts';
import { allocateFrame, FRAME_BYTES } from '../core/avro/wire-format.ts';
import { RecordError, UnexpectedAnswerError, UnkeyedRecordError } from '../core/errors.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { logger } from '../core/logger.ts';
import { subjectOf } from '../core/stream-name.ts';
import { evolve, mergeLearnt, type Drift } from './avro/drift.ts';
import { RecordEncoder } from './avro/record-encoder.ts';
import type { SourceRecord } from './chartmogul/list-reader.ts';
import type { Message } from './kafka-writable.ts';

export interface StreamEncoderOptions {
  readonly registry: Registry;
  readonly topicPrefix: string;
  readonly stream: string;
  /** Told of a record that cannot become a message. */
  readonly onRejected: (error: RecordError) => void;
  /** Told the full name of a field that the schema has learnt. */
  readonly onNewField: (field: string) => void;
}

/** More fields than this from one record are an answer gone wrong, not drift. */
const MAX_DRIFTS_PER_RECORD = 500;

/**
 * Turns the records of one stream into messages. It begins with the schema file and what earlier runs learnt; when a
 * record does not fit, the evolved schema is registered before the first message that needs it.
 */
export class StreamEncoder {
  readonly #options: StreamEncoderOptions;
  #encoder: RecordEncoder;
  #schemaId: number;

  private constructor(options: StreamEncoderOptions, encoder: RecordEncoder, schemaId: number) {
    this.#options = options;
    this.#encoder = encoder;
    this.#schemaId = schemaId;
  }

  /** @throws IncompatibleSchemaError, ServiceUnavailableError, ServiceRefusedError */
  static async create(options: StreamEncoderOptions): Promise<StreamEncoder> {
    const subject = subjectOf(options.topicPrefix, options.stream);
    const latest = await options.registry.latest(subject);
    const own = readStreamSchema(options.stream);
    const schema = latest === undefined ? own : mergeLearnt(own, latest.schema);
    const isKnown = latest !== undefined && isDeepStrictEqual(latest.schema, schema);
    const schemaId = isKnown ? latest.id : await options.registry.register(subject, schema);
    return new StreamEncoder(options, new RecordEncoder(schema), schemaId);
  }

  /** For `pipeline`: records in, messages out. */
  async *messages(records: AsyncIterable<SourceRecord>): AsyncGenerator<Message, void, undefined> {
    for await (const record of records) {
      const message = await this.#encode(record);
      if (message !== undefined) yield message;
    }
  }

  async #encode({ value, page }: SourceRecord): Promise<Message | undefined> {
    try {
      if (!isJsonObject(value)) throw new UnkeyedRecordError('an entry of the list that is not an object');
      return this.#tryEncode(value) ?? (await this.#encodeEvolving(value));
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      logger.warn({ stream: this.#options.stream, page, reason: error.message }, 'record rejected');
      this.#options.onRejected(error);
      return undefined;
    }
  }

  /** A misfit can show only after the field that hides it has been added, so evolution goes in rounds. */
  async #encodeEvolving(record: JsonObject): Promise<Message> {
    for (let learnt = 0; learnt < MAX_DRIFTS_PER_RECORD;) {
      const { drifts } = this.#encoder.encode(record);
      if (drifts === undefined) break;
      await this.#learn(drifts);
      learnt += drifts.length;
    }
    const message = this.#tryEncode(record);
    if (message !== undefined) return message;
    throw new UnexpectedAnswerError(
      `${this.#options.stream}: one record has more than ${MAX_DRIFTS_PER_RECORD} fields that the schema does not know`,
    );
  }

  async #learn(drifts: readonly Drift[]): Promise<void> {
    const { registry, topicPrefix, stream, onNewField } = this.#options;
    const schema = evolve(this.#encoder.schema, drifts);
    this.#schemaId = await registry.register(subjectOf(topicPrefix, stream), schema);
    this.#encoder = new RecordEncoder(schema);
    const fields = new Set(drifts.map(({ path, name }) => [...path, name].join('.')));
    for (const field of fields) onNewField(field);
    logger.info({ stream, schemaId: this.#schemaId, fields: [...fields] }, 'new fields');
  }

  #tryEncode(record: JsonObject): Message | undefined {
    const encoded = this.#encoder.encode(record);
    if (encoded.drifts !== undefined) return undefined;
    const value = allocateFrame(this.#schemaId, encoded.avro.length);
    encoded.avro.copyTo(value, FRAME_BYTES);
    return { key: encoded.key, value };
  }
}
