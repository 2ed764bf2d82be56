import { isUtf8 } from 'node:buffer';
import type { Registry, SchemaText } from '../../core/avro/registry.ts';
import { FRAME_BYTES } from '../../core/avro/wire-format.ts';
import { DecodeError, IncompatibleSchemaError } from '../../core/errors.ts';
import { isJsonObject, parseJson, type JsonObject, type JsonValue } from '../../core/json.ts';
import { serviceRetry, type RetryPolicy } from '../../core/retry.ts';
import { several } from '../../core/terminal/amounts.ts';
import { parseWriterType } from '../schema/writer-schema.ts';
import { splitUnion, type WriterType } from '../schema/writer-type.ts';
import type { Column } from '../column/column-type.ts';
import { readJsonText } from '../transcode/json-text.ts';
import { RowBuffer } from '../transcode/row-buffer.ts';
import { dateText, uuidText } from '../transcode/scalar-text.ts';
import { Transcoding } from '../transcode/transcoding.ts';

/** The time for which an id that the registry lacks is not requested again. */
const UNKNOWN_FOR_MS = 60_000;
/**
 * Limits the schemas in memory, because keys that are not framed may each seem to name a different
 * id.
 */
const MAX_SCHEMAS = 1_000;

interface KeySchema {
  /** @throws DecodeError */
  readonly read: (key: Buffer) => JsonValue;
  /** Whether the schema is a version of the subject of the topic's keys. */
  readonly isOfTopic: boolean;
  readonly untilMs: number;
}

/**
 * Determines which row a message key identifies. Accepts the text that our producers write, with
 * parts joined by `|`, framed keys (Avro, JSON Schema), plain JSON with the field names of the
 * primary key, and integers as Java's serializers write them. Refuses ambiguous keys.
 */
export class MessageKeys {
  readonly #registry: Registry;
  readonly #subject: string;
  readonly #policy: RetryPolicy;
  readonly #schemas = new Map<number, KeySchema>();
  readonly #awaited = new Set<number>();

  /** @param subject of the topic's keys. */
  constructor(registry: Registry, subject: string, policy: RetryPolicy = serviceRetry) {
    this.#registry = registry;
    this.#subject = subject;
    this.#policy = policy;
  }

  /** Returns the parts of a key in order, or the id of the schema to learn. @throws DecodeError */
  partsOf(key: Buffer, primaryKey: readonly string[], isInteger: boolean): readonly string[] | number {
    if (key[0] !== 0) return plainParts(key, primaryKey);
    const integer = isInteger ? javaInteger(key) : undefined;
    if (key.length < FRAME_BYTES) {
      if (integer !== undefined) return [integer];
      throw unfitKey('begins with a zero byte and is too short for a framed key', primaryKey);
    }
    const id = key.readUInt32BE(1);
    const schema = this.#schemas.get(id);
    if (schema === undefined || schema.untilMs < performance.now()) {
      this.#awaited.add(id);
      return id;
    }
    if (integer !== undefined && !schema.isOfTopic) return [integer];
    return partsIn(schema.read(key), primaryKey, true);
  }

  /** Returns whether {@link partsOf} waits for the schema. */
  awaits(id: number): boolean {
    return this.#awaited.has(id);
  }

  /** Learns the schema of an id that {@link partsOf} returned. */
  async learn(id: number): Promise<void> {
    const registered = await this.#registry.schemaText(id, this.#policy);
    const isOfTopic =
      registered !== undefined && (await this.#registry.isVersionOf(this.#subject, id, this.#policy));
    const read = await this.#reader(id, registered);
    if (this.#schemas.size >= MAX_SCHEMAS) this.#schemas.clear();
    const untilMs = registered === undefined ? performance.now() + UNKNOWN_FOR_MS : Infinity;
    this.#schemas.set(id, { read, isOfTopic, untilMs });
    this.#awaited.delete(id);
  }

  async #reader(id: number, registered: SchemaText | undefined): Promise<KeySchema['read']> {
    const refuse = (why: string) => () => {
      throw new DecodeError(`the key of the delete names schema ${id}, ${why}: ${remedy}`);
    };
    switch (registered?.type) {
      case undefined:
        return refuse('which the registry lacks');
      case 'AVRO':
        try {
          const referenced = await this.#registry.referencedTexts(registered, this.#policy);
          return avroReader(registered, referenced);
        } catch (error) {
          if (!(error instanceof IncompatibleSchemaError)) throw error;
          return refuse(`from which no key can be read (${error.message})`);
        }
      case 'JSON':
        return (key) => {
          const value = jsonIn(key.toString('utf8', FRAME_BYTES));
          if (value === undefined) throw new DecodeError(`the key of the delete is not JSON: ${remedy}`);
          return value;
        };
      default:
        return refuse(`of type ${registered?.type.slice(0, 40) ?? ''}, which is not supported`);
    }
  }
}

/** Returns whether the primary key is a single integer column. */
export function isIntegerKey([name, ...others]: readonly string[], columns: readonly Column[]): boolean {
  const column = columns.find((of) => of.name === name);
  return others.length === 0 && column !== undefined && column.type.text === 'Int64';
}

const remedy =
  'send the delete again with the key as text, parts joined by |, or framed with an Avro or JSON schema that has the fields of the primary key';

function unfitKey(what: string, primaryKey: readonly string[]): DecodeError {
  return new DecodeError(
    `the key of the delete ${what}, but the primary key is ${primaryKey.join('|')}: ${remedy}`,
  );
}

/** Reads a big-endian integer of 4 or 8 bytes. */
function javaInteger(key: Buffer): string | undefined {
  if (key.length === 4) return String(key.readInt32BE(0));
  return key.length === 8 ? String(key.readBigInt64BE(0)) : undefined;
}

function plainParts(key: Buffer, primaryKey: readonly string[]): readonly string[] {
  if (!isUtf8(key)) throw unfitKey('is neither text nor framed', primaryKey);
  const text = key.toString('utf8');
  // Kafka Connect's StringConverter writes records like this.
  if (/^Struct\{.*\}$/s.test(text)) throw unfitKey('is the text of a Java object', primaryKey);
  const json = /^(?:\{.*\}|".*")$/s.test(text) ? jsonIn(text) : undefined;
  if (json !== undefined) return partsIn(withoutEnvelope(json), primaryKey, false);
  const parts = primaryKey.length === 1 ? [text] : text.split('|');
  if (parts.length !== primaryKey.length) throw unfitKey(`has ${several(parts.length, 'part')}`, primaryKey);
  return parts;
}

/** Removes the schema with which Kafka Connect's JsonConverter wraps the key. */
function withoutEnvelope(value: JsonValue): JsonValue {
  if (!isJsonObject(value)) return value;
  const { schema, payload, ...others } = value;
  return schema !== undefined && payload !== undefined && Object.keys(others).length === 0 ? payload : value;
}

function jsonIn(text: string): JsonValue | undefined {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** @param isAnyName whether the only field of a record is the key, whatever its name. */
function partsIn(value: JsonValue, primaryKey: readonly string[], isAnyName: boolean): readonly string[] {
  const fields = isJsonObject(value)
    ? value
    : { [primaryKey.length === 1 ? (primaryKey[0] ?? '') : '']: value };
  const names = Object.keys(fields);
  const [only] = names;
  const isNamed = primaryKey.every((name) => Object.hasOwn(fields, name));
  if (!isNamed && !(isAnyName && names.length === 1 && primaryKey.length === 1))
    throw unfitKey(isJsonObject(value) ? 'lacks fields' : 'is a single value', primaryKey);
  return (isNamed ? primaryKey : [only ?? '']).map((name) => {
    const text = keyText(fields[name]);
    if (text === undefined) throw unfitKey('has a field that is neither text nor a whole number', primaryKey);
    return text;
  });
}

function keyText(value: JsonValue | undefined): string | undefined {
  // Text that was not UTF-8 would identify another row.
  if (typeof value === 'string') return value.includes('\ufffd') ? undefined : value;
  const isWhole = typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));
  return isWhole ? String(value) : undefined;
}

/** Returns a reader for keys with an Avro schema. @throws IncompatibleSchemaError */
function avroReader({ id, text }: SchemaText, referenced: readonly string[]): KeySchema['read'] {
  const type = parseWriterType(text, `schema ${id}`, referenced);
  return (key) => {
    const at = new Transcoding();
    at.begin(key, FRAME_BYTES, new RowBuffer(0));
    try {
      const value = parseJson(readJsonText(type, at));
      if (at.position !== key.length) throw new DecodeError('bytes are left over after the last field');
      return asKeys(value, type);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      throw new DecodeError(
        `the key of the delete does not match schema ${id} (${error.message}): ${remedy}`,
        {
          cause: error,
        },
      );
    }
  };
}

/** Returns a value in the form of our own keys; null for a type that keys do not support. */
function asKey(value: JsonValue, type: WriterType): JsonValue {
  const [only, ...others] = splitUnion(type).values;
  if (only === undefined || others.length > 0) return null;
  switch (only.type.kind) {
    case 'string':
    case 'enum':
    case 'int':
    case 'long':
      return value;
    case 'uuid':
      // Each byte of a UUID is one character here.
      return only.type.isText || typeof value !== 'string'
        ? value
        : uuidText(Buffer.from(value, 'latin1'), 0);
    case 'date':
      return typeof value === 'number' ? dateText(value) : value;
    default:
      return null;
  }
}

function asKeys(value: JsonValue, type: WriterType): JsonValue {
  const [only, ...others] = splitUnion(type).values;
  if (only?.type.kind !== 'record' || others.length > 0 || !isJsonObject(value)) return asKey(value, type);
  const fields: JsonObject = {};
  for (const field of only.type.fields) fields[field.name] = asKey(value[field.name] ?? null, field.type);
  return fields;
}
