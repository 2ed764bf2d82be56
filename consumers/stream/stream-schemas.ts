import { setTimeout as delay } from 'node:timers/promises';
import type { Registry, SchemaText } from '../../core/avro/registry.ts';
import { readStreamSchema, streamNames } from '../../core/avro/schema-files.ts';
import { IncompatibleSchemaError, UnknownSchemaError } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import { serviceRetry, type RetryPolicy } from '../../core/retry.ts';
import { keySubjectOf } from '../../core/stream-name.ts';
import { declaredFields, type DeclaredFields } from '../schema/declared-fields.ts';
import { parseWriterSchema } from '../schema/writer-schema.ts';
import type { WriterSchema } from '../schema/writer-type.ts';
import type { Column } from '../column/column-type.ts';
import type { StorageTable } from '../table/storage-table.ts';
import type { TableColumn } from '../table/table-shape.ts';
import { isIntegerKey, MessageKeys } from './message-keys.ts';
import { compileRowTranscoder, type RowTranscoder } from '../transcode/compile.ts';

const ASK_AGAIN = 2;
const ASK_AGAIN_MS = 300;

/** The time for which an id that the registry lacks is not requested again. */
const UNKNOWN_FOR_MS = 60_000;

/**
 * For this long after an unknown id, other ids are requested only once, because bytes that are not
 * Avro may appear to contain many ids.
 */
const HASTY_FOR_MS = 10_000;

/** A schema for which no table can be created. */
class UnfitSchemaError extends IncompatibleSchemaError {
  /** The reason without the remedy. */
  readonly reason: string;

  constructor(subject: string, reason: string) {
    super(
      `${reason}. It is the schema of the topic's messages (subject ${subject}), and none of them can become a row: register a corrected ` +
        'version, make the producer use it, and start the sink again; messages of the unusable version then become dead letters',
    );
    this.reason = reason;
  }
}

/**
 * The schemas of one stream's messages. The table has the columns of every schema that was learned.
 */
export class StreamSchemas {
  readonly #registry: Registry;
  readonly #subject: string;
  readonly #table: StorageTable;
  readonly #policy: RetryPolicy;
  readonly #keys: MessageKeys;
  readonly #schemas = new Map<number, WriterSchema>();
  /** Every known schema, including those without columns in the table. */
  readonly #parsed = new Map<number, WriterSchema>();
  #declared: DeclaredFields = new Map();
  /**
   * By schema id: why messages with this schema cannot be read, and until when this is assumed.
   */
  readonly #unknown = new Map<number, { readonly reason: string; readonly untilMs: number }>();
  #hastyUntilMs = -Infinity;
  #latestFault: IncompatibleSchemaError | undefined;
  readonly #transcoders = new Map<number, RowTranscoder>();
  #transcoderColumns: readonly TableColumn[] = [];
  #primaryKey: readonly string[] | undefined;
  /** The highest id so far: the registry numbers schemas in order. */
  #latestId = 0;

  constructor(registry: Registry, subject: string, table: StorageTable, policy: RetryPolicy = serviceRetry) {
    this.#registry = registry;
    this.#subject = subject;
    this.#table = table;
    this.#policy = policy;
    this.#keys = new MessageKeys(registry, keySubjectOf(subject), policy);
  }

  /**
   * The fields that identify a deleted row; undefined while no learned schema has a primary key.
   */
  get primaryKey(): readonly string[] | undefined {
    return this.#primaryKey;
  }

  /** The reason why the messages of the latest schema cannot become rows; undefined if they can. */
  get latestFault(): IncompatibleSchemaError | undefined {
    return this.#latestFault;
  }

  /** Returns the parts of a message key, or the id of the schema to learn. @throws DecodeError */
  keyPartsOf(
    key: Buffer,
    primaryKey: readonly string[],
    columns: readonly Column[],
  ): readonly string[] | number {
    return this.#keys.partsOf(key, primaryKey, isIntegerKey(primaryKey, columns));
  }

  /** Forgets the schemas that were learned, because the table may have changed. */
  forget(): void {
    this.#schemas.clear();
    this.#parsed.clear();
    this.#transcoders.clear();
    this.#unknown.clear();
    this.#primaryKey = undefined;
    this.#latestFault = undefined;
    this.#table.forget();
  }

  /**
   * Returns the transcoder of a schema for these columns; undefined if the schema must be learned
   * first.
   * @throws UnknownSchemaError, IncompatibleSchemaError
   */
  transcoderOf(id: number, columns: readonly TableColumn[]): RowTranscoder | undefined {
    if (this.#transcoderColumns !== columns) {
      this.#transcoderColumns = columns;
      this.#transcoders.clear();
    }
    const known = this.#transcoders.get(id);
    if (known !== undefined) return known;
    const unknown = this.#unknown.get(id);
    if (unknown !== undefined && performance.now() < unknown.untilMs)
      throw new UnknownSchemaError(unknown.reason);
    const schema = this.#schemas.get(id);
    if (schema === undefined || columns !== this.#table.columns) return undefined;
    const transcoder = compileRowTranscoder(schema, columns, schema.primaryKey ?? [], this.#declared);
    this.#transcoders.set(id, transcoder);
    return transcoder;
  }

  /**
   * Creates or updates the table and the views for the latest schema, if there is one, so that even
   * an empty stream can be queried.
   */
  async learnLatest(): Promise<void> {
    const latest = await this.#registry.latestText(this.#subject, this.#policy);
    if (latest === undefined) return;
    // All schemas are read, because fields that the latest one lacks, or declares defaults for,
    // also affect the columns.
    for (const schema of await this.#registry.texts(this.#subject, this.#policy)) {
      try {
        await this.#read(schema);
      } catch (error) {
        if (!(error instanceof UnfitSchemaError)) throw error;
      }
    }
    try {
      await this.#cover(latest);
    } catch (error) {
      if (!(error instanceof UnfitSchemaError)) throw error;
      // Messages with earlier schemas may be usable. The first message with this schema stops the
      // stream.
      this.#latestFault = error;
      logger.warn(
        { stream: this.#table.stream, reason: error.message },
        'no table can be created for the latest schema',
      );
    }
  }

  /**
   * Learns every schema of the subject whose values fit the table. Returns whether any was learned.
   */
  async learnAll(): Promise<boolean> {
    await this.learnLatest();
    for (const schema of await this.#registry.texts(this.#subject, this.#policy)) {
      if (this.#schemas.has(schema.id)) continue;
      try {
        await this.#cover(schema);
      } catch (error) {
        if (!(error instanceof IncompatibleSchemaError)) throw error;
      }
    }
    return this.#schemas.size > 0;
  }

  /**
   * Learns a schema and adds its columns to the table. The stream stops if no table can be created
   * for the latest schema of the topic's subject, or if the table cannot hold the values of one of
   * the subject's schemas. Any other fault concerns only the messages that name the schema.
   * @throws IncompatibleSchemaError, ServiceRefusedError
   */
  async learn(id: number): Promise<void> {
    if (this.#keys.awaits(id)) return this.#keys.learn(id);
    if (this.#schemas.has(id)) return;
    let schema = await this.#registry.schemaText(id, this.#policy);
    // In a registry with several nodes, a schema may appear slightly later than its first message.
    const again = performance.now() < this.#hastyUntilMs ? 0 : ASK_AGAIN;
    for (let asked = 0; schema === undefined && asked < again; asked++) {
      await delay(ASK_AGAIN_MS);
      schema = await this.#registry.schemaText(id, this.#policy);
    }
    if (schema === undefined) {
      this.#hastyUntilMs = performance.now() + HASTY_FOR_MS;
      this.#remember(id, `the registry has no Avro schema ${id}`);
      return;
    }
    try {
      await this.#cover(schema);
    } catch (error) {
      if (!(error instanceof IncompatibleSchemaError)) throw error;
      this.#parsed.delete(id);
      const why = await this.#whyOfMessage(id, error);
      if (why === undefined) throw error;
      this.#remember(id, why);
    }
  }

  /**
   * Returns the reason if the fault concerns only the messages that name the schema; undefined if
   * the stream must stop.
   */
  async #whyOfMessage(id: number, error: IncompatibleSchemaError): Promise<string | undefined> {
    const latest = await this.#registry.latestText(this.#subject, this.#policy);
    if (error instanceof UnfitSchemaError) {
      // If the subject has no schema, only the messages identify the topic's schema: the first one
      // decides.
      const isOfTopic = latest === undefined ? this.#table.identity === '' : latest.id === id;
      return isOfTopic ? undefined : error.reason;
    }
    // A schema whose values the table cannot hold stops the stream, unless the schema does not
    // belong to the topic.
    if (latest === undefined || (await this.#registry.isVersionOf(this.#subject, id, this.#policy)))
      return undefined;
    return `schema ${id} does not belong to subject ${this.#subject}: ${error.message}`;
  }

  async #cover(registered: SchemaText): Promise<void> {
    const { id } = registered;
    const schema = await this.#read(registered);
    const inOrder = [...this.#parsed].sort(([a], [b]) => a - b);
    this.#declared = declaredFields(inOrder.map(([, known]) => known));
    this.#transcoders.clear();
    const covered = await this.#table.cover(schema, id < this.#latestId, this.#declared);
    this.#latestId = Math.max(id, this.#latestId);
    this.#schemas.set(id, covered);
    this.#primaryKey ??= covered.primaryKey;
  }

  /** Parses a registered schema once. @throws UnfitSchemaError */
  async #read(registered: SchemaText): Promise<WriterSchema> {
    const known = this.#parsed.get(registered.id);
    if (known !== undefined) return known;
    try {
      const schema = await readWriterSchema(this.#registry, this.#table.stream, registered, this.#policy);
      this.#parsed.set(registered.id, schema);
      return schema;
    } catch (error) {
      if (!(error instanceof IncompatibleSchemaError)) throw error;
      throw new UnfitSchemaError(this.#subject, error.message);
    }
  }

  #remember(id: number, reason: string): void {
    const nowMs = performance.now();
    // The oldest come first.
    for (const [earlier, { untilMs }] of this.#unknown) {
      if (untilMs > nowMs && earlier !== id) break;
      this.#unknown.delete(earlier);
    }
    this.#unknown.set(id, { reason, untilMs: nowMs + UNKNOWN_FOR_MS });
  }
}

/**
 * Returns the schema of a stream's messages. The primary key of our own streams is known even if
 * another writer's schema does not name it.
 * @throws IncompatibleSchemaError, ServiceUnavailableError, ServiceRefusedError
 */
export async function readWriterSchema(
  registry: Registry,
  stream: string,
  registered: SchemaText,
  policy?: RetryPolicy,
): Promise<WriterSchema> {
  const { id, type, text, references } = registered;
  if (type !== 'AVRO')
    throw new IncompatibleSchemaError(
      `schema ${id} is of type ${type.slice(0, 40)}, but tables are created only for Avro schemas: make the producer write Avro`,
    );
  const referenced = references.length > 0 ? await registry.referencedTexts(registered, policy) : [];
  const schema = parseWriterSchema(text, `schema ${id}`, referenced);
  if (schema.primaryKey !== undefined || !streamNames.includes(stream)) return schema;
  const { primaryKey } = readStreamSchema(stream);
  const hasAll = primaryKey.every((key) => schema.fields.some(({ name }) => name === key));
  return hasAll ? { ...schema, primaryKey } : schema;
}
