import { isSystemColumnName } from '../../core/avro/schema.ts';
import { IncompatibleSchemaError, messageOf } from '../../core/errors.ts';
import { parseJson, type JsonValue } from '../../core/json.ts';
import { isAmbiguousName } from './ambiguous-name.ts';
import { logicalType } from './logical-type.ts';
import type { RecordType, WriterField, WriterSchema, WriterType } from './writer-type.ts';

/**
 * Several times the number of types in any real table. A few lines of schema can expand to billions
 * of types.
 */
const MAX_TYPES = 100_000;
const MAX_DEPTH = 64;

type Json = Readonly<Record<string, unknown>>;

/** A type, with its depth and number of types once every name is replaced by its definition. */
interface Parsed {
  readonly type: WriterType;
  readonly depth: number;
  readonly types: number;
}

interface OpenRecord extends RecordType {
  fields: WriterField[];
  isRecursive: boolean;
}

/**
 * Parses the schema of messages from any producer. Ignores aliases and unknown attributes. An
 * unknown or invalid logical type is read as its underlying type.
 * @param origin names the schema in errors: `schema 12`.
 * @param referenced schemas of named types, each after the schemas that it uses.
 * @throws IncompatibleSchemaError if the schema is not Avro, not a record or too large, if a field
 * has a reserved name, or if the primary key is invalid.
 */
export function parseWriterSchema(
  text: string,
  origin: string,
  referenced: readonly string[] = [],
): WriterSchema {
  const parser = createParser(origin, referenced);
  const json = jsonOf(text, origin);
  if (!isObject(json) || json['type'] !== 'record')
    throw new IncompatibleSchemaError(`${origin} is not an Avro record: the producer must write records`);
  const { type } = parser.parse(json, '', 0, '');
  // A schema whose type is "record" is parsed into a RecordType.
  const { fields } = type as RecordType;
  const taken = fields.find(({ name }) => isReserved(name));
  if (taken !== undefined) {
    const owner = isSystemColumnName(taken.name) ? 'the sink' : 'ClickHouse';
    throw new IncompatibleSchemaError(
      `${origin}, field ${taken.name}: ${owner} reserves this name; rename the field`,
    );
  }
  const { name, doc } = json;
  return {
    name: String(name),
    ...(typeof doc === 'string' && { doc }),
    primaryKey: primaryKeyOf(json, fields, origin),
    fields,
  };
}

/** Parses a schema of any type, such as that of a message key. See {@link parseWriterSchema}. */
export function parseWriterType(text: string, origin: string, referenced: readonly string[]): WriterType {
  return createParser(origin, referenced).parse(jsonOf(text, origin), '', 0, '').type;
}

function createParser(origin: string, referenced: readonly string[]): SchemaParser {
  const parser = new SchemaParser(origin);
  for (const other of referenced) parser.parse(jsonOf(other, `a schema that ${origin} refers to`), '', 0, '');
  return parser;
}

function jsonOf(text: string, origin: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw new IncompatibleSchemaError(
      `${origin} is not JSON (${messageOf(error).slice(0, 100)}): register it again`,
    );
  }
}

/**
 * Returns whether the sink or ClickHouse reserves a column name. For `_table_`, see `identitySql`.
 */
function isReserved(name: string): boolean {
  return isSystemColumnName(name) || persistentColumns.includes(name) || /^_table_[0-9a-f]{8}$/.test(name);
}

/** Columns that ClickHouse adds to MergeTree tables. */
const persistentColumns: readonly string[] = ['_row_exists', '_block_number', '_block_offset'];

function primaryKeyOf(
  json: Json,
  fields: readonly WriterField[],
  origin: string,
): readonly string[] | undefined {
  const { primaryKey } = json;
  if (primaryKey === undefined) return undefined;
  const isList =
    Array.isArray(primaryKey) && primaryKey.length > 0 && new Set(primaryKey).size === primaryKey.length;
  if (!isList || !primaryKey.every((part) => fields.some((field) => field.name === part)))
    throw new IncompatibleSchemaError(
      `${origin}: "primaryKey" must be a list of distinct top-level fields; got ${JSON.stringify(primaryKey).slice(0, 100)}`,
    );
  const ambiguous = (primaryKey as string[]).find((part) => part !== 'top' && isAmbiguousName(part));
  if (ambiguous !== undefined)
    throw new IncompatibleSchemaError(
      `${origin}, field ${ambiguous}: ClickHouse cannot sort a table by a column of this name; rename the field`,
    );
  return primaryKey as string[];
}

class SchemaParser {
  readonly #origin: string;
  readonly #named = new Map<string, Parsed>();
  /** The records that are being parsed, outermost first. */
  readonly #open: OpenRecord[] = [];
  /** Maps a record to the enclosing record that it refers back to, which may no longer be open. */
  readonly #leadsBackTo = new Map<WriterType, OpenRecord>();

  constructor(origin: string) {
    this.#origin = origin;
  }

  parse(json: unknown, namespace: string, level: number, path: string): Parsed {
    if (level > MAX_DEPTH) throw this.#tooDeep(path);
    const parsed = this.#parse(json, namespace, level, path);
    if (parsed.depth + level > MAX_DEPTH) throw this.#tooDeep(path);
    if (parsed.types > MAX_TYPES)
      throw this.#refuse(
        path,
        `more than ${MAX_TYPES} types once every name is resolved: use fewer or smaller records`,
      );
    return parsed;
  }

  #parse(json: unknown, namespace: string, level: number, path: string): Parsed {
    if (typeof json === 'string') return leafOf(json) ?? this.#reference(json, namespace, path);
    if (Array.isArray(json)) return this.#union(json, namespace, level, path);
    if (!isObject(json)) throw this.#refuse(path, 'not an Avro type: correct the schema');
    const { type } = json;
    if (typeof type !== 'string') return this.parse(type, namespace, level + 1, path);
    switch (type) {
      case 'record':
        return this.#record(json, namespace, level, path);
      case 'array': {
        const items = this.parse(json['items'], namespace, level + 1, `${path}[]`);
        return around({ kind: 'array', items: items.type }, [items]);
      }
      case 'map': {
        const values = this.parse(json['values'], namespace, level + 1, `${path}{}`);
        return around({ kind: 'map', values: values.type }, [values]);
      }
      case 'enum':
        return this.#define(json, namespace, path, this.#enum(json, path));
      case 'fixed':
        return this.#define(json, namespace, path, this.#fixed(json, path));
      default: {
        const leaf = leafOf(type);
        if (leaf === undefined) return this.#reference(type, namespace, path);
        return { ...leaf, type: logicalType(leaf.type, json) };
      }
    }
  }

  #union(branches: readonly unknown[], namespace: string, level: number, path: string): Parsed {
    if (branches.length === 0)
      throw this.#refuse(path, 'a union without branches has no value: add a branch');
    const parsed = branches.map((branch) => this.parse(branch, namespace, level + 1, path));
    const hasUnion = parsed.some(({ type }) => type.kind === 'union');
    if (hasUnion || parsed.filter(({ type }) => type.kind === 'null').length > 1)
      throw this.#refuse(path, 'a union must not contain a union or two nulls: correct the schema');
    return around({ kind: 'union', branches: parsed.map(({ type }) => type) }, parsed);
  }

  #record(json: Json, namespace: string, level: number, path: string): Parsed {
    const record: OpenRecord = { kind: 'record', fields: [], isRecursive: false };
    const fullName = this.#fullNameOf(json, namespace, path);
    this.#named.set(fullName, { type: record, depth: 1, types: 1 });
    this.#open.push(record);
    const { fields } = json;
    if (!Array.isArray(fields))
      throw this.#refuse(path, 'a record without a list of fields: correct the schema');
    const names = new Set<unknown>();
    const parsed = fields.map((field: unknown) => {
      const { name, doc }: Json = isObject(field) ? field : {};
      if (!isObject(field) || typeof name !== 'string' || name === '')
        throw this.#refuse(path, 'a field without a name: correct the schema');
      const fieldPath = path === '' ? name : `${path}.${name}`;
      if (names.has(name)) throw this.#refuse(fieldPath, 'two fields have this name: rename one');
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
        throw this.#refuse(fieldPath, 'a field name must match [A-Za-z_][A-Za-z0-9_]*: rename the field');
      names.add(name);
      const inner = this.parse(field['type'], namespaceOf(fullName), level + 1, fieldPath);
      record.fields.push({
        name,
        type: openObjects.has(name) ? opened(inner.type) : inner.type,
        ...(typeof doc === 'string' && { doc }),
        ...('default' in field && { default: field['default'] as JsonValue }),
      });
      return inner;
    });
    this.#open.pop();
    const whole = around(record, parsed);
    this.#named.set(fullName, whole);
    return whole;
  }

  #enum(json: Json, path: string): WriterType {
    const { symbols } = json;
    const isList = Array.isArray(symbols) && symbols.length > 0 && new Set(symbols).size === symbols.length;
    if (!isList || !symbols.every((symbol) => typeof symbol === 'string'))
      throw this.#refuse(path, 'an enum must have a list of distinct symbols: correct the schema');
    return { kind: 'enum', symbols };
  }

  #fixed(json: Json, path: string): WriterType {
    const { size } = json;
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0 || size > 2 ** 30)
      throw this.#refuse(path, 'the size of a fixed must be 0 to 2^30 bytes: correct the schema');
    return logicalType({ kind: 'fixed', bytes: size }, json);
  }

  #define(json: Json, namespace: string, path: string, type: WriterType): Parsed {
    const parsed = { type, depth: 1, types: 1 };
    this.#named.set(this.#fullNameOf(json, namespace, path), parsed);
    return parsed;
  }

  #fullNameOf(json: Json, around: string, path: string): string {
    const { name, namespace } = json;
    if (typeof name !== 'string' || !name.split('.').every(isTypeName))
      throw this.#refuse(path, 'a named type has no valid Avro name: correct the schema');
    const space = typeof namespace === 'string' ? namespace : around;
    const fullName = name.includes('.') || space === '' ? name : `${space}.${name}`;
    if (this.#named.has(fullName))
      throw this.#refuse(path, `two types have the name ${fullName}: rename one`);
    return fullName;
  }

  #reference(name: string, namespace: string, path: string): Parsed {
    const inNamespace = name.includes('.') || namespace === '' ? name : `${namespace}.${name}`;
    const found = this.#named.get(inNamespace) ?? this.#named.get(name);
    if (found === undefined)
      throw this.#refuse(
        path,
        `the type ${JSON.stringify(name.slice(0, 100))} is not defined: correct the schema`,
      );
    this.#markRecursive(found.type);
    return found;
  }

  /**
   * Marks the cycle that a reference closes if its record is open or leads back to an open record.
   */
  #markRecursive(referenced: WriterType): void {
    let target: WriterType | undefined = referenced;
    while (target !== undefined && !this.#open.some((record) => record === target)) {
      target = this.#leadsBackTo.get(target);
    }
    const start = this.#open.findIndex((record) => record === target);
    const cycle = start < 0 ? [] : this.#open.slice(start);
    const [outermost, ...inner] = cycle;
    if (outermost === undefined) return;
    for (const record of cycle) record.isRecursive = true;
    // Replacing an entry is safe: if a record led further out, so does the outermost record of this
    // cycle.
    for (const record of inner) this.#leadsBackTo.set(record, outermost);
  }

  #tooDeep(path: string): IncompatibleSchemaError {
    return this.#refuse(path, `nested more than ${MAX_DEPTH} levels deep: make it flatter`);
  }

  #refuse(path: string, what: string): IncompatibleSchemaError {
    const shown = (path.length > 200 ? `${path.slice(0, 200)}…` : path).replace(/\p{C}/gu, '�');
    const field = path === '' ? '' : `, field ${shown}`;
    return new IncompatibleSchemaError(`${this.#origin}${field}: ${what}`);
  }
}

const primitives = ['null', 'boolean', 'int', 'long', 'float', 'double', 'string', 'bytes'] as const;

/**
 * Objects in ChartMogul's API whose keys third parties choose. Queries look up their keys and
 * values.
 */
const openObjects = new Set(['custom', 'stripe', 'clearbit']);

function opened(type: WriterType): WriterType {
  if (type.kind === 'union') return { ...type, branches: type.branches.map(opened) };
  return type.kind === 'json' ? { ...type, isOpen: true } : type;
}

function leafOf(name: string): Parsed | undefined {
  const kind = primitives.find((primitive) => primitive === name);
  return kind && { type: { kind }, depth: 1, types: 1 };
}

function around(type: WriterType, parts: readonly Parsed[]): Parsed {
  return {
    type,
    depth: 1 + parts.reduce((deepest, { depth }) => Math.max(deepest, depth), 0),
    types: 1 + parts.reduce((sum, { types }) => sum + types, 0),
  };
}

function namespaceOf(fullName: string): string {
  return fullName.slice(0, Math.max(0, fullName.lastIndexOf('.')));
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Accepts letters of any language, as Avro for Java does: no column is named after a type. */
function isTypeName(name: string): boolean {
  return /^[\p{L}_][\p{L}\p{N}_]*$/u.test(name);
}
