import { setTimeout as delay } from 'node:timers/promises';
import type { Registry } from '../core/avro/registry.ts';
import { readStreamSchema, streamNames } from '../core/avro/schema-files.ts';
import { IncompatibleSchemaError, UnknownSchemaError } from '../core/errors.ts';
import { serviceRetry, type RetryPolicy } from '../core/retry.ts';
import { declaredFields, type DeclaredFields } from './avro/declared-fields.ts';
import { parseWriterSchema } from './avro/writer-schema.ts';
import type { WriterSchema } from './avro/writer-type.ts';
import type { StorageTable } from './clickhouse/storage-table.ts';
import type { TableColumn } from './clickhouse/table-shape.ts';
import { compileRowTranscoder, type RowTranscoder } from './transcode/compile.ts';

const ASK_AGAIN = 2;
const ASK_AGAIN_MS = 300;

/** For how long an id that the registry does not know is not asked for again. */
const UNKNOWN_FOR_MS = 60_000;

/** After an id that stayed unknown, others are asked for once only for so long: bytes of something else name a new one each. */
const HASTY_FOR_MS = 10_000;

/** The schemas of one stream's messages, for which its table has the columns. */
export class StreamSchemas {
  readonly #registry: Registry;
  readonly #subject: string;
  readonly #table: StorageTable;
  readonly #policy: RetryPolicy;
  readonly #schemas = new Map<number, WriterSchema>();
  /** Of every schema that is known, also of those for which the table has no columns yet. */
  readonly #parsed = new Map<number, WriterSchema>();
  #declared: DeclaredFields = new Map();
  /** Why the messages of an id cannot be read, and until when that is believed. */
  readonly #unknown = new Map<number, { readonly reason: string; readonly untilMs: number }>();
  #hastyUntilMs = -Infinity;
  readonly #transcoders = new Map<number, RowTranscoder>();
  #transcoderColumns: readonly TableColumn[] = [];
  #primaryKey: readonly string[] | undefined;
  /** The highest id that was met: the registry numbers schemas as they come. */
  #latestId = 0;

  constructor(registry: Registry, subject: string, table: StorageTable, policy: RetryPolicy = serviceRetry) {
    this.#registry = registry;
    this.#subject = subject;
    this.#table = table;
    this.#policy = policy;
  }

  /** The fields that a delete is told by; undefined while no schema is known. */
  get primaryKey(): readonly string[] | undefined {
    return this.#primaryKey;
  }

  /** Everything is to be learnt again, since the table is not what it was. */
  forget(): void {
    this.#schemas.clear();
    this.#parsed.clear();
    this.#transcoders.clear();
    this.#unknown.clear();
    this.#primaryKey = undefined;
    this.#table.forget();
  }

  /**
   * The transcoder of a schema; undefined for one that must be learnt first, or for which the columns lack something.
   *
   * @throws UnknownSchemaError for an id whose messages nobody can read.
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

  /** Makes table and views for the subject's latest schema, so that a stream without messages can be queried too. */
  async learnLatest(): Promise<void> {
    const latest = await this.#registry.latestText(this.#subject, this.#policy);
    if (latest === undefined) return;
    // A field that the latest lacks, or declares a default for, concerns the columns as well.
    for (const { id, text } of await this.#registry.texts(this.#subject, this.#policy)) {
      try {
        this.#parse(id, text);
      } catch (error) {
        if (!(error instanceof IncompatibleSchemaError)) throw error;
      }
    }
    await this.#cover(latest.id, latest.text);
  }

  /**
   * The same for every schema that the subject has had, so that a table made anew has all the columns. One that does not fit the latest
   * is left out: it counts only if a message has it.
   *
   * @returns whether the subject has any schema.
   */
  async learnAll(): Promise<boolean> {
    await this.learnLatest();
    for (const { id, text } of await this.#registry.texts(this.#subject, this.#policy)) {
      if (this.#schemas.has(id)) continue;
      try {
        await this.#cover(id, text);
      } catch (error) {
        if (!(error instanceof IncompatibleSchemaError)) throw error;
      }
    }
    return this.#schemas.size > 0;
  }

  /** Learns a schema and gives the table its columns. @throws IncompatibleSchemaError, ServiceRefusedError */
  async learn(id: number): Promise<void> {
    if (this.#schemas.has(id)) return;
    let text = await this.#registry.schemaText(id, this.#policy);
    // A registry of several nodes may learn of a schema a little later than the topic.
    const again = performance.now() < this.#hastyUntilMs ? 0 : ASK_AGAIN;
    for (let asked = 0; text === undefined && asked < again; asked++) {
      await delay(ASK_AGAIN_MS);
      text = await this.#registry.schemaText(id, this.#policy);
    }
    if (text !== undefined) return this.#cover(id, text);
    this.#hastyUntilMs = performance.now() + HASTY_FOR_MS;
    this.#remember(id, `the registry has no Avro schema ${id}`);
  }

  async #cover(id: number, text: string): Promise<void> {
    let schema: WriterSchema;
    try {
      schema = this.#parse(id, text);
    } catch (error) {
      if (!(error instanceof IncompatibleSchemaError)) throw error;
      this.#remember(id, error.message);
      return;
    }
    const inOrder = [...this.#parsed].sort(([a], [b]) => a - b);
    this.#declared = declaredFields(inOrder.map(([, known]) => known));
    this.#transcoders.clear();
    const covered = await this.#table.cover(schema, id < this.#latestId, this.#declared);
    this.#latestId = Math.max(id, this.#latestId);
    this.#schemas.set(id, covered);
    this.#primaryKey ??= covered.primaryKey;
  }

  #parse(id: number, text: string): WriterSchema {
    const schema = this.#parsed.get(id) ?? readWriterSchema(this.#table.stream, id, text);
    this.#parsed.set(id, schema);
    return schema;
  }

  #remember(id: number, reason: string): void {
    const nowMs = performance.now();
    // Those of before come first.
    for (const [earlier, { untilMs }] of this.#unknown) {
      if (untilMs > nowMs && earlier !== id) break;
      this.#unknown.delete(earlier);
    }
    this.#unknown.set(id, { reason, untilMs: nowMs + UNKNOWN_FOR_MS });
  }
}

/**
 * The schema of a stream's messages. The primary key of a stream of ours is known, though another writer's schema does not name it.
 *
 * @throws IncompatibleSchemaError
 */
export function readWriterSchema(stream: string, id: number, text: string): WriterSchema {
  const schema = parseWriterSchema(text, `schema ${id}`);
  if (schema.primaryKey !== undefined || !streamNames.includes(stream)) return schema;
  const { primaryKey } = readStreamSchema(stream);
  const hasAll = primaryKey.every((key) => schema.fields.some(({ name }) => name === key));
  return hasAll ? { ...schema, primaryKey } : schema;
}
