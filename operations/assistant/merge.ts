import { ConfigError } from '../../core/errors.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Returns the JSON after a change, with the indentation of the file.
 * @throws ConfigError if the file does not contain a JSON object.
 */
export function mergeJson(
  path: string,
  existing: string | undefined,
  change: (content: JsonObject) => JsonObject,
): string {
  const text = existing ?? '{}';
  let content: unknown;
  try {
    content = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    throw new ConfigError(`${path} must be JSON without comments: correct it, or remove it`);
  }
  if (!isObject(content)) throw new ConfigError(`${path} must be a JSON object: correct it, or remove it`);
  const changed = change(content);
  // A difference in formatting alone is not a change.
  if (existing !== undefined && JSON.stringify(changed) === JSON.stringify(content)) return existing;
  const indent = /^\{\r?\n([ \t]+)"/.exec(text)?.[1] ?? '  ';
  return `${JSON.stringify(changed, null, indent)}\n`;
}

/** Returns the object in a property; an empty object if there is none. */
export function objectIn(content: JsonObject, name: string): JsonObject {
  const value = Object.hasOwn(content, name) ? content[name] : undefined;
  return isObject(value) ? value : {};
}

/** Returns the list in a property, with the missing items appended. */
export function listWith(content: JsonObject, name: string, items: readonly string[]): readonly unknown[] {
  const value = content[name];
  const kept = Array.isArray(value) ? (value as unknown[]) : [];
  return [...kept, ...items.filter((item) => !kept.includes(item))];
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the text with the missing lines appended, after the comment if that is also missing. */
export function mergeLines(existing: string | undefined, comment: string, lines: readonly string[]): string {
  const present = new Set((existing ?? '').split(/\r?\n/).map((line) => line.trim()));
  const missing = lines.filter((line) => !present.has(line));
  if (missing.length === 0) return existing ?? '';
  const head = present.has(comment) ? [] : [comment];
  return joined(existing ?? '', `${[...head, ...missing].join('\n')}\n`);
}

export interface Marks {
  readonly begin: string;
  readonly end: string;
}

/** Returns the text with our section, which replaces an earlier version or is appended. */
export function mergeSection(existing: string | undefined, { begin, end }: Marks, body: string): string {
  const section = `${begin}\n${body.trim()}\n${end}\n`;
  const { before, after } = aroundSection(existing ?? '', { begin, end });
  return after === undefined ? joined(before, section) : `${before}${section}${after}`;
}

/**
 * Returns the text before and after our section. If there is no section, `before` is the entire
 * text.
 */
export function aroundSection(
  text: string,
  { begin, end }: Marks,
): { readonly before: string; readonly after: string | undefined } {
  const from = text.indexOf(begin);
  const to = text.indexOf(end, from);
  if (from < 0 || to < 0) return { before: text, after: undefined };
  return { before: text.slice(0, from), after: text.slice(to + end.length).replace(/^\r?\n/, '') };
}

function joined(before: string, added: string): string {
  if (before.trim() === '') return added;
  return `${before.replace(/\s*$/, '')}\n\n${added}`;
}
