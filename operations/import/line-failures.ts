import { foreignText } from '../../core/http/foreign-text.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { BatchLine } from './import-folder.ts';
import type { ImportJob } from './import-jobs.ts';
import { recordKinds, type ObjectName } from './record-kinds.ts';

const IMPORTED = 'imported';
const MAX_REASONS = 3;
const MAX_DEPTH = 5;

/** The arrays whose status applies to an object, closest first. */
const arraysOf: Readonly<Partial<Record<ObjectName, readonly string[]>>> = {
  line_item: ['line_items', 'invoices'],
  transaction: ['transactions', 'invoices'],
};

/**
 * Returns the lines that ChartMogul did not import, with the reasons. ChartMogul's details are
 * grouped by customer and kind of record. The format of its errors is not documented.
 */
export function failuresOf(
  lines: readonly BatchLine[],
  { status, details }: ImportJob,
): (readonly [line: number, reason: string])[] {
  return lines.flatMap((line) => {
    const reason = reasonOf(closestDetail(line, details), status);
    return reason === undefined ? [] : [[line.line, reason] as const];
  });
}

function closestDetail({ object, id, customer }: BatchLine, details: JsonObject): JsonObject | undefined {
  const detail = objectAt(details, customer ?? 'plans');
  if (detail === undefined) return undefined;
  const arrays =
    object === 'customer' || object === 'plan' ? [] : (arraysOf[object] ?? [recordKinds[object].array]);
  const group = arrays.map((array) => objectAt(detail, array)).find((found) => found !== undefined) ?? detail;
  const own = id !== undefined && group['status'] === undefined ? objectAt(group, id) : undefined;
  return own ?? (id === undefined ? group : (objectAt(group, id) ?? group));
}

function reasonOf(detail: JsonObject | undefined, status: string): string | undefined {
  const own = detail?.['status'];
  const isImported = typeof own === 'string' ? own === IMPORTED : status === 'completed';
  if (isImported) return undefined;
  const reasons = detail === undefined ? [] : textsIn(detail).slice(0, MAX_REASONS);
  if (reasons.length > 0) return reasons.join('; ');
  return typeof own === 'string'
    ? `ChartMogul reports ${foreignText(own)}`
    : `the import ${foreignText(status)}`;
}

/** Returns the messages in an error of any shape, such as `currency: is unknown`. */
function textsIn(value: JsonValue, name = '', depth = 0): string[] {
  if (depth > MAX_DEPTH || value === null) return [];
  if (typeof value === 'string')
    return [name === '' ? foreignText(value) : `${foreignText(name)}: ${foreignText(value)}`];
  if (Array.isArray(value)) return value.flatMap((item) => textsIn(item, name, depth + 1));
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => {
    if (key === 'status') return [];
    return textsIn(item, ['error', 'errors', 'message', 'reason'].includes(key) ? name : key, depth + 1);
  });
}

function objectAt(holder: JsonObject, key: string): JsonObject | undefined {
  const value = Object.hasOwn(holder, key) ? holder[key] : undefined;
  return isJsonObject(value) ? value : undefined;
}
