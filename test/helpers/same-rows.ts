import assert from 'node:assert/strict';
import { freeFormText } from '../../core/free-form.ts';
import { isJsonObject, jsonText, parseJson, type JsonObject, type JsonValue } from '../../core/json.ts';

/**
 * Asserts that each record has a row with equal values, and that each row has a record. With
 * `isPart`, rows without a record are allowed.
 */
export function assertSameRows(
  rows: readonly JsonObject[],
  records: readonly JsonObject[],
  primaryKey: readonly string[],
  { isPart = false } = {},
): void {
  const keyOf = (record: JsonObject) => primaryKey.map((part) => String(record[part])).join('|');
  const rowsByKey = new Map(rows.map((row) => [keyOf(row), row]));
  assert.equal(rowsByKey.size, rows.length, 'a key has two rows');
  const keys = new Set(records.map(keyOf));
  assert.equal(keys.size, records.length, 'a key has two records');
  const tooMany = isPart ? [] : [...rowsByKey.keys()].filter((key) => !keys.has(key));
  assert.deepEqual(tooMany, [], 'rows without a record');
  for (const record of records) {
    const key = keyOf(record);
    const row = rowsByKey.get(key);
    assert.ok(row, `${key} has no row`);
    const wanted = Object.fromEntries(valuesOf(record, ''));
    // The producer requests optional parts that the expected data lacks, and the view adds a time.
    const shown = [...valuesOf(row, '')].filter(
      ([path]) => path in wanted || (!isExpansion(path) && path !== '_changed_at'),
    );
    assert.deepEqual(Object.fromEntries(shown), wanted);
  }
}

/**
 * Returns the values of a record or row by path, in a common form: instants as milliseconds,
 * numbers as text, and free-form objects as JSON. Null and absent values, empty objects and empty
 * lists are equal, because ClickHouse's Tuples and Arrays do not distinguish them. An empty string
 * in place of a number counts as absent, too.
 */
function valuesOf(value: JsonValue, path: string, into = new Map<string, string>()): Map<string, string> {
  if (value === null) return into;
  if (isFreeForm(path)) {
    const json = parseJson(typeof value === 'string' ? value : freeFormText(value));
    if (json !== null) into.set(path, jsonText(sorted(json)));
  } else if (Array.isArray(value)) value.forEach((item, index) => valuesOf(item, `${path}[${index}]`, into));
  else if (isJsonObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      const name = key.replace(/[^A-Za-z0-9_]/g, '_').replace(/__v_double$/, '');
      valuesOf(member, path === '' ? name : `${path}.${name}`, into);
    }
  } else if (typeof value === 'string' && isInstant(path)) into.set(path, String(instant(value)));
  else if (!(value === '' && isNumber(path))) into.set(path, String(value));
  return into;
}

const isFreeForm = (path: string) =>
  /(^|\.)(custom|stripe|clearbit|errors|edit_history_summary|overrides|historical_values|churn_when_zero_mrr)$|^(auto_churn_subscription|cancellation_dates)$/.test(
    path,
  );
const isInstant = (path: string) =>
  /(_at|^customer_since|(^|\.)date|_date|service_period_(start|end)|last_seen)$/.test(path);
const isNumber = (path: string) => /(quantity|_in_cents|event_order)$/.test(path);
const isExpansion = (path: string) =>
  /^(processing_status|auto_churn_subscription|invoice_handling_setting|churn_|refund_handling|proximate_)/.test(
    path,
  );

function instant(value: string): number {
  const iso = value.replace(' ', 'T');
  return new Date(/T.*(Z|[+-]\d\d:\d\d)$/.test(iso) || !iso.includes('T') ? iso : `${iso}Z`).getTime();
}

/** Sorts the keys of objects, and turns integers beyond 64 bits into strings, as in rows. */
function sorted(value: JsonValue): JsonValue {
  if (typeof value === 'bigint' && (value >= 2n ** 64n || value < -(2n ** 63n))) return String(value);
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, v]) => [k, sorted(v)]),
  );
}
