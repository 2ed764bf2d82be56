import type { KafkaMessage } from 'kafkajs';
import type { Registry, SchemaText } from '../../core/avro/registry.ts';
import { FRAME_BYTES, schemaIdOf } from '../../core/avro/wire-format.ts';
import type { Settings } from '../../core/settings/config.ts';
import { IncompatibleSchemaError, RecordError } from '../../core/errors.ts';
import { keySubjectOf, subjectOf } from '../../core/stream-name.ts';
import type { ColumnType } from '../column/column-type.ts';
import type { TableColumn } from '../table/table-shape.ts';
import { isIntegerKey, MessageKeys } from './message-keys.ts';
import { readWriterSchema } from './stream-schemas.ts';
import { compileRowTranscoder, type RowTranscoder } from '../transcode/compile.ts';
import { RowBuffer } from '../transcode/row-buffer.ts';
import { RowReader } from '../transcode/row-reader.ts';
import { dateText } from '../transcode/scalar-text.ts';
import { writeTombstone } from '../transcode/tombstone.ts';

const separator = Buffer.from('|');

interface RowKeyServices {
  readonly registry: Registry;
  readonly settings: Pick<Settings, 'topicPrefix'>;
}

/**
 * Reads the row key of a message from the value of a record or the key of a delete. Also compares
 * it with the message key: compaction keeps the right messages only if the two are the same.
 */
export class RowKeys {
  readonly #services: RowKeyServices;
  readonly #stream: string;
  readonly #columns: readonly TableColumn[];
  /** The transcoder of each schema id; undefined if its messages cannot be read. */
  readonly #transcoders = new Map<number, RowTranscoder | undefined>();
  readonly #keys: MessageKeys;
  /** Primary keys by which to read a message key. The first one that fits is used. */
  readonly #primaryKeys: (readonly string[])[];
  readonly #out = new RowBuffer(1_024);
  #keyedOtherwise: string | undefined;

  private constructor(services: RowKeyServices, stream: string, columns: readonly TableColumn[]) {
    this.#services = services;
    this.#stream = stream;
    this.#columns = columns;
    const { registry, settings } = services;
    this.#keys = new MessageKeys(registry, keySubjectOf(subjectOf(settings.topicPrefix, stream)));
    this.#primaryKeys = [columns.map(({ name }) => name)];
  }

  /** @param columns the columns that the storage table is sorted by, without system columns. */
  static async create(
    services: RowKeyServices,
    stream: string,
    columns: readonly TableColumn[],
  ): Promise<RowKeys> {
    const { registry, settings } = services;
    const keys = new RowKeys(services, stream, columns);
    const latest = await registry.latestText(subjectOf(settings.topicPrefix, stream));
    if (latest !== undefined) {
      const primaryKey = await keys.#learn(latest);
      if (primaryKey !== undefined) keys.#primaryKeys.unshift(primaryKey);
    }
    return keys;
  }

  /** Position of the first message whose key is not the text of its row's key, if any. */
  get keyedOtherwise(): string | undefined {
    return this.#keyedOtherwise;
  }

  /**
   * Returns the row key in RowBinary, valid until the next call; the id of the schema to learn; or
   * undefined if neither the value nor the key can be read.
   * @param isRejected whether the message has no row, so that a missing key proves nothing.
   */
  of(message: KafkaMessage, partition: number, isRejected: boolean): Buffer | number | undefined {
    const found = this.#ofValue(message) ?? this.#ofKey(message);
    if (typeof found === 'number') return found;
    const isAlike = found === undefined ? message.key === null : this.#isTextOf(message.key, found);
    if (!isAlike && !(isRejected && message.key === null))
      this.#keyedOtherwise ??= `${partition}/${message.offset}`;
    return found;
  }

  /** Learns the schema of an id that {@link of} returned. */
  async learn(id: number): Promise<void> {
    if (this.#keys.awaits(id)) return this.#keys.learn(id);
    const schema = await this.#services.registry.schemaText(id);
    if (schema === undefined) this.#transcoders.set(id, undefined);
    else await this.#learn(schema);
  }

  /**
   * Returns the parts of a key as text; undefined if a key column has a type that the sink does not
   * create.
   */
  partsOf(key: Buffer): string[] | undefined {
    return this.#textsOf(key)?.map((text) => text.toString('utf8'));
  }

  async #learn(registered: SchemaText): Promise<readonly string[] | undefined> {
    const { id } = registered;
    this.#transcoders.set(id, undefined);
    try {
      const schema = await readWriterSchema(this.#services.registry, this.#stream, registered);
      const { fields, primaryKey } = schema;
      // Fields after the key, which make up most of a message, are not read.
      const isKey = ({ name }: { name: string }) => this.#columns.some((column) => column.name === name);
      const head = { ...schema, fields: fields.slice(0, fields.findLastIndex(isKey) + 1) };
      const transcoder = compileRowTranscoder(head, this.#columns, primaryKey ?? [], new Map(), false);
      this.#transcoders.set(id, transcoder);
      return primaryKey;
    } catch (error) {
      // The sink cannot build rows from such messages either.
      if (!(error instanceof IncompatibleSchemaError)) throw error;
      return undefined;
    }
  }

  #ofValue({ value }: KafkaMessage): Buffer | number | undefined {
    if (value === null) return undefined;
    try {
      const id = schemaIdOf(value);
      const transcoder = this.#transcoders.get(id);
      if (transcoder === undefined) return this.#transcoders.has(id) ? undefined : id;
      this.#out.length = 0;
      transcoder.transcode(value, FRAME_BYTES, this.#out);
      return this.#written();
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      return undefined;
    }
  }

  #ofKey({ key }: KafkaMessage): Buffer | number | undefined {
    if (key === null) return undefined;
    for (const primaryKey of this.#primaryKeys) {
      try {
        this.#out.length = 0;
        const parts = this.#keys.partsOf(key, primaryKey, isIntegerKey(primaryKey, this.#columns));
        if (typeof parts === 'number') return parts;
        writeTombstone(parts, primaryKey, this.#columns, this.#out);
        return this.#written();
      } catch (error) {
        if (!(error instanceof RecordError)) throw error;
      }
    }
    return undefined;
  }

  #written(): Buffer {
    return this.#out.bytes.subarray(0, this.#out.length);
  }

  /** Returns whether a message key is the text of this row key and of no other row key. */
  #isTextOf(messageKey: Buffer | null, rowKey: Buffer): boolean {
    const texts = this.#textsOf(rowKey);
    if (messageKey === null || texts === undefined) return false;
    const [only] = texts;
    if (texts.length === 1 && only !== undefined) return only.equals(messageKey);
    if (texts.some((text) => text.includes(separator))) return false;
    const joined = Buffer.concat(texts.flatMap((text, at) => (at === 0 ? [text] : [separator, text])));
    return joined.equals(messageKey);
  }

  #textsOf(rowKey: Buffer): Buffer[] | undefined {
    const reader = new RowReader(rowKey);
    const texts: Buffer[] = [];
    for (const { type } of this.#columns) {
      const text = readText(reader, type);
      if (text === undefined) return undefined;
      texts.push(text);
    }
    return texts;
  }
}

/** Returns a key's value as the server prints it, for the types of `keyColumnTypeOf`. */
function readText(reader: RowReader, type: ColumnType): Buffer | undefined {
  switch (type.text) {
    case 'String':
    case 'LowCardinality(String)':
      return reader.take(reader.count());
    case 'Int64':
      return Buffer.from(String(reader.take(8).readBigInt64LE()));
    case 'Date32':
      return Buffer.from(dateText(reader.take(4).readInt32LE()));
    default:
      return undefined;
  }
}
