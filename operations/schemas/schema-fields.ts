/** A field of an Avro schema, at any depth. */
export interface SchemaField {
  /**
   * For example `line_items[].price.cents`. `[]` stands for an item of an array, `{}` for a value
   * of a map, and `<NAME>` for one of several branches of a union.
   */
  readonly path: string;
  /** The type in words, such as `long, nullable` or `array of record LineItem`. */
  readonly type: string;
  /** The default as JSON text; undefined if the field has none. */
  readonly default: string | undefined;
  readonly doc: string;
  readonly aliases: readonly string[];
}

type Json = Readonly<Record<string, unknown>>;

/** The deepest path that is followed. Schemas of other writers may be nested to any depth. */
const MAX_DEPTH = 40;
const MAX_FIELDS = 20_000;

/** Returns the fields of a parsed schema in their order, each before its nested fields. */
export function schemaFields(schema: unknown): SchemaField[] {
  const walk: Walk = { fields: [], named: new Map() };
  addNames(schema, walk.named, 0);
  addWithin(schema, '', [], walk);
  return walk.fields;
}

interface Walk {
  readonly fields: SchemaField[];
  /** Records, enums and fixed types by name. */
  readonly named: Map<string, Json>;
}

/**
 * Adds the fields of all records within a type.
 * @param open the enclosing types: names of records, and `[]` or `{}` for an array or map.
 */
function addWithin(type: unknown, path: string, open: readonly string[], walk: Walk): void {
  if (open.length > MAX_DEPTH || walk.fields.length > MAX_FIELDS) return;
  if (Array.isArray(type)) {
    const records = type.filter((branch) => typeof branch !== 'string' || walk.named.has(branch));
    for (const branch of records) {
      // Several branches may have fields of the same name.
      const mark = records.length > 1 ? `<${nameOf(branch)}>` : '';
      addWithin(branch, `${path}${mark}`, open, walk);
    }
    return;
  }
  const found = typeof type === 'string' ? walk.named.get(type) : type;
  if (!isObject(found)) return;
  if (isObject(found['type']) || Array.isArray(found['type'])) addWithin(found['type'], path, open, walk);
  else if (found['type'] === 'array') addWithin(found['items'], `${path}[]`, [...open, '[]'], walk);
  else if (found['type'] === 'map') addWithin(found['values'], `${path}{}`, [...open, '{}'], walk);
  else if (found['type'] === 'record') addFields(found, path, open, walk);
}

function addFields(record: Json, path: string, open: readonly string[], walk: Walk): void {
  const name = nameOf(record);
  // A recursive record would otherwise be expanded down to MAX_DEPTH.
  if (open.includes(name)) return;
  for (const field of listOf(record['fields'])) {
    if (!isObject(field)) continue;
    const fieldPath = `${path}${path === '' ? '' : '.'}${textOf(field['name'])}`;
    walk.fields.push({
      path: fieldPath,
      type: typeText(field['type']),
      default: field['default'] === undefined ? undefined : JSON.stringify(field['default']),
      doc: textOf(field['doc']),
      aliases: listOf(field['aliases']).map(textOf),
    });
    addWithin(field['type'], fieldPath, [...open, name], walk);
  }
}

function addNames(type: unknown, named: Map<string, Json>, depth: number): void {
  if (depth > MAX_DEPTH * 3) return;
  if (Array.isArray(type)) for (const branch of type) addNames(branch, named, depth + 1);
  if (!isObject(type)) return;
  const isNamed = ['record', 'enum', 'fixed'].includes(textOf(type['type']));
  if (isNamed) {
    named.set(textOf(type['name']), type);
    named.set(`${textOf(type['namespace'])}.${textOf(type['name'])}`, type);
  }
  for (const inner of [type['type'], type['items'], type['values'], ...listOf(type['fields'])])
    if (typeof inner === 'object') addNames(inner, named, depth + 1);
}

/** Returns a type in words, without the fields of records. */
export function typeText(type: unknown, depth = 0): string {
  if (depth > MAX_DEPTH) return '…';
  if (typeof type === 'string') return type;
  if (Array.isArray(type)) {
    const branches = type.filter((branch) => branch !== 'null').map((branch) => typeText(branch, depth + 1));
    const union = branches.length === 0 ? 'null' : branches.join(' or ');
    return branches.length < type.length && branches.length > 0 ? `${union}, nullable` : union;
  }
  if (!isObject(type)) return 'unknown';
  const { type: kind, logicalType } = type;
  if (typeof kind !== 'string') return typeText(kind, depth + 1);
  if (typeof logicalType === 'string') return `${kind} (${logicalText(logicalType, type)})`;
  switch (kind) {
    case 'record':
      return `record ${nameOf(type)}`;
    case 'array':
      return `array of ${innerText(type['items'], depth)}`;
    case 'map':
      return `map of ${innerText(type['values'], depth)}`;
    case 'enum':
      return `enum ${nameOf(type)} (${listOf(type['symbols']).map(textOf).join(', ')})`;
    case 'fixed':
      return `fixed ${nameOf(type)} (${String(Number(type['size']))} bytes)`;
    default:
      return kind;
  }
}

/** Returns a type in words, in parentheses if it is a union. */
function innerText(type: unknown, depth: number): string {
  const text = typeText(type, depth + 1);
  return Array.isArray(type) ? `(${text})` : text;
}

function logicalText(logicalType: string, { precision, scale }: Json): string {
  if (logicalType !== 'decimal') return logicalType;
  return `decimal ${String(Number(precision))}, ${String(Number(scale ?? 0))}`;
}

function nameOf(type: unknown): string {
  return isObject(type) ? textOf(type['name'] ?? type['type']) : textOf(type);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
