import { ConfigError } from '../../core/errors.ts';
import { isProducedName } from '../../core/stream-name.ts';
import { fieldNameOf } from '../../core/avro/field-name.ts';
import { hasDotSegment } from './address.ts';
import type { Query } from './client.ts';
import type { ParentSpec, StreamSpec } from './streams.ts';

/** Topics and views of these names exist without a stream that is read. */
const takenNames = ['runs', 'checkpoints', 'line_items', 'transactions', 'subscriptions', 'sources'];

const entryKeys = ['name', 'path', 'listKey', 'paging', 'primaryKey', 'query', 'parent'];
const parentKeys = ['stream', 'field', 'visit'];
const pagings = ['detect', 'start-after', 'none'] as const;
const visits = ['changed', 'all'] as const;

const MAX_ECHO_CHARACTERS = 80;

type Json = Readonly<Record<string, unknown>>;

/**
 * The streams that CONFIG_FILE adds under `streams`. An entry has `name`, `path` and `primaryKey` (a field or a list of
 * them), and may have `listKey` ("entries"; null where the answer itself is the record), `paging` ("detect"), `query` and
 * `parent` (`stream`, `field` and `visit`, "changed"), with the parent's key in the path as `{field}`.
 *
 * @throws ConfigError in one line that says where, what stands there and what is wanted.
 */
export function parseCustomStreams(list: readonly unknown[], builtIn: readonly StreamSpec[]): StreamSpec[] {
  const specs: StreamSpec[] = [];
  for (const [index, entry] of list.entries()) {
    const spec = parseEntry(entry, at(index));
    const { name } = spec;
    if (takenNames.includes(name) || [...builtIn, ...specs].some((other) => other.name === name)) {
      throw wrongValue(`${at(index)}.name`, name, 'a name that is not taken');
    }
    specs.push(spec);
  }
  const streams = new Map([...builtIn, ...specs].map((spec) => [spec.name, spec]));
  for (const [index, spec] of specs.entries()) checkAncestors(spec, streams, at(index));
  return specs;
}

function at(index: number): string {
  return `CONFIG_FILE: streams[${index}]`;
}

function parseEntry(value: unknown, where: string): StreamSpec {
  const entry = objectOf(value, where, entryKeys);
  const parent = entry['parent'] === undefined ? undefined : parseParent(entry['parent'], `${where}.parent`);
  const listKey = parseListKey(entry['listKey'], `${where}.listKey`);
  const paging = oneOf(entry['paging'] ?? 'detect', `${where}.paging`, pagings);
  if (listKey === null && paging === 'start-after') {
    throw wrongValue(`${where}.paging`, paging, '"none", since listKey is null');
  }
  return {
    name: parseName(entry['name'], `${where}.name`),
    paths: [parsePath(entry['path'], `${where}.path`, parent?.field)],
    listKey,
    paging,
    primaryKey: parsePrimaryKey(entry['primaryKey'], `${where}.primaryKey`),
    ...(entry['query'] !== undefined && { query: parseQuery(entry['query'], `${where}.query`) }),
    ...(parent && { parent }),
    deletes: { proof: listKey === null && parent === undefined ? 'single' : 'twice' },
  };
}

function parseName(value: unknown, where: string): string {
  const name = textOf(value, where, 'a name');
  if (!isProducedName(name)) {
    throw wrongValue(where, name, 'a small letter, then up to 99 small letters, digits or _');
  }
  // The view of `x_raw` would have the name of the table of `x`.
  if (name.endsWith('_raw')) throw wrongValue(where, name, 'a name that does not end with _raw');
  return name;
}

/** What an address would take for something else than a path is refused, `.` and `..` also in their encoded forms. */
function parsePath(value: unknown, where: string, field: string | undefined): string {
  const wanted = 'a path such as "/credit_notes"';
  const path = textOf(value, where, wanted);
  if (!/^\/[^\s\p{Cc}?#\\]*$/u.test(path) || /(\.|%2e){2}/i.test(path) || hasDotSegment(path)) {
    throw wrongValue(where, path, `${wanted}, without query, ".", "..", or spaces`);
  }
  if (field === undefined) {
    if (/[{}]/.test(path)) throw wrongValue(where, path, 'no braces without a parent');
    return path;
  }
  const around = path.split(`{${field}}`);
  if (around.length !== 2 || around.some((part) => /[{}]/.test(part))) {
    throw wrongValue(where, path, `{${field}}, once, and no other braces`);
  }
  return path;
}

function parseListKey(value: unknown, where: string): string | null {
  if (value === null || value === undefined) return value === null ? null : 'entries';
  return textOf(value, where, 'the key of the list, or null where the answer itself is the record');
}

function parsePrimaryKey(value: unknown, where: string): readonly string[] {
  const wanted = 'a field or a list of different fields';
  const fields = Array.isArray(value) ? (value as unknown[]) : [value];
  if (fields.length === 0) throw wrongValue(where, value, wanted);
  const names = fields.map((field, index) =>
    parseField(field, Array.isArray(value) ? `${where}[${index}]` : where),
  );
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw wrongValue(where, twice, `${wanted}, this one is there twice`);
  return names;
}

/** Fields are named as in the table, so that nothing hangs on which of two source keys became one field. */
function parseField(value: unknown, where: string): string {
  const wanted = 'the name of a field: letters, digits and _';
  const name = textOf(value, where, wanted);
  if (name.length > 100 || fieldNameOf(name) !== name) throw wrongValue(where, name, wanted);
  return name;
}

function parseQuery(value: unknown, where: string): Query {
  const query = Object.entries(objectOf(value, where));
  for (const [name, part] of query) {
    const isScalar = typeof part === 'string' || typeof part === 'boolean' || Number.isFinite(part);
    if (!isScalar) throw wrongValue(`${where}[${shown(name)}]`, part, 'text, a number, true or false');
  }
  return Object.fromEntries(query) as Query;
}

function parseParent(value: unknown, where: string): ParentSpec {
  const parent = objectOf(value, where, parentKeys);
  return {
    stream: textOf(parent['stream'], `${where}.stream`, 'the name of a stream'),
    field: parseField(parent['field'], `${where}.field`),
    visit: oneOf(parent['visit'] ?? 'changed', `${where}.visit`, visits),
  };
}

function checkAncestors(spec: StreamSpec, streams: ReadonlyMap<string, StreamSpec>, where: string): void {
  const seen = new Set([spec.name]);
  let { parent } = spec;
  if (parent !== undefined && !streams.has(parent.stream)) {
    throw wrongValue(`${where}.parent.stream`, parent.stream, 'a stream that is built in or listed here');
  }
  for (; parent !== undefined; parent = streams.get(parent.stream)?.parent) {
    if (seen.has(parent.stream)) {
      throw wrongValue(`${where}.parent.stream`, spec.parent?.stream, 'no circle of parents');
    }
    seen.add(parent.stream);
  }
}

/** `keys`: those that are known, all if undefined. */
function objectOf(value: unknown, where: string, keys?: readonly string[]): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrongValue(where, value, 'an object');
  }
  const unknown = keys && Object.keys(value).find((key) => !keys.includes(key));
  if (unknown !== undefined) {
    throw new ConfigError(`${where} has the unknown key ${shown(unknown)}, wants only ${keys?.join(', ')}`);
  }
  return value as Json;
}

function textOf(value: unknown, where: string, wanted: string): string {
  if (typeof value !== 'string' || value === '') throw wrongValue(where, value, wanted);
  return value;
}

function oneOf<T extends string>(value: unknown, where: string, choices: readonly T[]): T {
  const choice = choices.find((candidate) => candidate === value);
  if (choice === undefined) throw wrongValue(where, value, `one of ${choices.join(', ')}`);
  return choice;
}

function wrongValue(where: string, got: unknown, wanted: string): ConfigError {
  return got === undefined
    ? new ConfigError(`${where} is missing, wants ${wanted}`)
    : new ConfigError(`${where} is ${shown(got)}, wants ${wanted}`);
}

/** Of lists and objects only that they are such: they may hold anything. */
function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length <= MAX_ECHO_CHARACTERS ? text : `${text.slice(0, MAX_ECHO_CHARACTERS - 1)}…`;
}
