import { ConfigError } from '../../core/errors.ts';
import { notOneOf } from '../../core/settings/setting-values.ts';
import { isProducedName } from '../../core/stream-name.ts';
import { fieldNameOf } from '../../core/avro/field-name.ts';
import { hasDotSegment } from './address.ts';
import type { Query } from './client.ts';
import type { ParentSpec, StreamSpec } from './streams.ts';

/** Names of built-in topics and views that a custom stream must not have. */
const reservedNames = ['runs', 'checkpoints', 'line_items', 'transactions', 'subscriptions', 'sources'];

const entryKeys = ['name', 'path', 'listKey', 'paging', 'primaryKey', 'query', 'parent'];
const parentKeys = ['stream', 'field', 'visit'];
const pagings = ['detect', 'start-after', 'none'] as const;
const visits = ['changed', 'all'] as const;

/**
 * Returns the streams that CONFIG_FILE adds under `streams`. An entry has `name`, `path` and
 * `primaryKey` (a field or a list of fields). It may have `listKey` (default "entries"; null if the
 * response itself is the record), `paging` (default "detect"), `query`, and `parent` (`stream`,
 * `field`, and `visit`, default "changed"). The parent's key replaces `{field}` in the path.
 *
 * @throws ConfigError whose message states the position, the rule and the value in one line.
 */
export function parseCustomStreams(list: readonly unknown[], builtIn: readonly StreamSpec[]): StreamSpec[] {
  const specs: StreamSpec[] = [];
  const streams = new Map(builtIn.map((spec) => [spec.name, spec]));
  const at = (index: number) => `CONFIG_FILE: streams[${index}]`;
  for (const [index, entry] of list.entries()) {
    const spec = parseEntry(entry, at(index));
    if (reservedNames.includes(spec.name) || streams.has(spec.name))
      throw wrongValue(`${at(index)}.name`, spec.name, 'a name that no other stream, topic or view has');
    specs.push(spec);
    streams.set(spec.name, spec);
  }
  for (const [index, spec] of specs.entries()) checkAncestors(spec, streams, `${at(index)}.parent.stream`);
  return specs;
}

function parseEntry(value: unknown, where: string): StreamSpec {
  const entry = objectOf(value, where, entryKeys);
  const parent = entry['parent'] === undefined ? undefined : parseParent(entry['parent'], `${where}.parent`);
  const listKey = parseListKey(entry['listKey'], `${where}.listKey`);
  const paging = oneOf(entry['paging'] ?? 'detect', `${where}.paging`, pagings);
  if (listKey === null && paging === 'start-after')
    throw wrongValue(`${where}.paging`, paging, '"none", since listKey is null');
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
  if (!isProducedName(name))
    throw wrongValue(where, name, 'a lowercase letter, then up to 99 lowercase letters, digits or _');
  // The view of `x_raw` would have the name of the table of `x`.
  if (name.endsWith('_raw')) throw wrongValue(where, name, 'a name that does not end with _raw');
  return name;
}

/**
 * Returns the path. Rejects a path that an HTTP client would change or interpret, such as one with
 * an encoded `..`, and a path whose braces do not match the parent's field.
 */
function parsePath(value: unknown, where: string, field: string | undefined): string {
  const expected = 'a path such as "/credit_notes"';
  const path = textOf(value, where, expected);
  if (!/^\/[^\s\p{Cc}?#\\]*$/u.test(path) || /(\.|%2e){2}/i.test(path) || hasDotSegment(path))
    throw wrongValue(where, path, `${expected}, without a query, ".", ".." or spaces`);
  if (field === undefined) {
    if (/[{}]/.test(path)) throw wrongValue(where, path, 'a path without braces, since there is no parent');
    return path;
  }
  const around = path.split(`{${field}}`);
  if (around.length !== 2 || around.some((part) => /[{}]/.test(part)))
    throw wrongValue(where, path, `a path with {${field}} once and no other braces`);
  return path;
}

function parseListKey(value: unknown, where: string): string | null {
  if (value === null || value === undefined) return value === null ? null : 'entries';
  return textOf(value, where, 'the key of the list, or null if the response itself is the record');
}

function parsePrimaryKey(value: unknown, where: string): readonly string[] {
  const expected = 'a field or a list of different fields';
  const fields = Array.isArray(value) ? (value as unknown[]) : [value];
  if (fields.length === 0) throw wrongValue(where, value, expected);
  const placeOf = (index: number) => (Array.isArray(value) ? `${where}[${index}]` : where);
  const names = fields.map((field, index) => parseField(field, placeOf(index)));
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw wrongValue(where, twice, `${expected}, each once`);
  return names;
}

/** Requires the name of a field, because several source keys may map to the same field. */
function parseField(value: unknown, where: string): string {
  const expected = 'the name of a field: letters, digits and _';
  const name = textOf(value, where, expected);
  if (name.length > 100 || fieldNameOf(name) !== name) throw wrongValue(where, name, expected);
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
  if (parent !== undefined && !streams.has(parent.stream))
    throw wrongValue(where, parent.stream, 'a stream that is built in or listed here');
  for (; parent !== undefined; parent = streams.get(parent.stream)?.parent) {
    if (seen.has(parent.stream))
      throw wrongValue(where, spec.parent?.stream, 'a stream that is not its own ancestor');
    seen.add(parent.stream);
  }
}

/** Allows every key if `keys` is undefined. */
function objectOf(value: unknown, where: string, keys?: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrongValue(where, value, 'an object');
  const unknown = keys && Object.keys(value).find((key) => !keys.includes(key));
  if (unknown !== undefined)
    throw new ConfigError(`${where} must have only the keys ${keys?.join(', ')}; got ${shown(unknown)}`);
  return value as Record<string, unknown>;
}

function textOf(value: unknown, where: string, expected: string): string {
  if (typeof value !== 'string' || value === '') throw wrongValue(where, value, expected);
  return value;
}

function oneOf<T extends string>(value: unknown, where: string, choices: readonly T[]): T {
  const choice = choices.find((candidate) => candidate === value);
  if (choice === undefined && typeof value === 'string') throw notOneOf(where, value, choices);
  if (choice === undefined) throw wrongValue(where, value, `one of ${choices.join(', ')}`);
  return choice;
}

function wrongValue(where: string, got: unknown, expected: string): ConfigError {
  return new ConfigError(`${where} must be ${expected}; got ${got === undefined ? 'nothing' : shown(got)}`);
}

/** Describes a value for an error. Hides lists and objects, because they may contain anything. */
function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}
