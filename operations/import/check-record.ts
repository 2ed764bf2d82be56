import { jsonText, type JsonObject, type JsonValue } from '../../core/json.ts';
import { mostSimilar } from '../../core/settings/choice.ts';
import { shownValue } from '../../core/settings/setting-values.ts';
import { parseInstant } from '../../producers/encode/instant.ts';
import type { Fault } from './faults.ts';
import type { FieldRule } from './field-rules.ts';
import {
  objectNames,
  recordKinds,
  textOf,
  type ImportRecord,
  type ObjectName,
  type RecordKind,
} from './record-kinds.ts';

export type Checked =
  | { readonly record: ImportRecord; readonly faults?: undefined }
  | {
      readonly record?: undefined;
      readonly faults: readonly Fault[];
      /** The record with the faults, so that records that refer to it are not reported too. */
      readonly id?: { readonly object: ObjectName; readonly id: string };
    };

/**
 * Checks a single record: its object, and the names, types and values of its fields. A field that
 * is null counts as absent.
 */
export function checkRecord(line: number, values: JsonObject): Checked {
  const object = objectNames.find((name) => name === values['object']);
  if (object === undefined) {
    const message = `must be one of ${objectNames.join(', ')}`;
    return {
      faults: [{ line, object: undefined, field: 'object', message: withValue(message, values['object']) }],
    };
  }
  const kind = recordKinds[object];
  const fields: JsonObject = {};
  const faults: Fault[] = [];
  const fault = (field: string, message: string) => faults.push({ line, object, field, message });
  for (const [name, value] of Object.entries(values)) {
    if (name === 'object' || value === null) continue;
    const rule = ruleOf(kind, name);
    if (rule === undefined) fault(shownName(name), unknownField(name, kind));
    else if (rule.isValid(value)) fields[name] = value;
    else fault(name, rule.isShown ? withValue(`must be ${rule.rule}`, value) : `must be ${rule.rule}`);
  }
  const isGiven = (name: string) => values[name] !== undefined && values[name] !== null;
  for (const name of new Set([...kind.required, ...(kind.requiredFor?.(fields) ?? [])])) {
    if (!isGiven(name)) fault(name, 'is missing');
  }
  const wrongPeriod = faultOfPeriod(kind, fields);
  if (wrongPeriod !== undefined) fault(wrongPeriod.field, wrongPeriod.message);
  if (faults.length === 0) return { record: { object, fields } };
  const id = textOf(fields, 'external_id');
  return id === undefined ? { faults } : { faults, id: { object, id } };
}

/** Returns the values of a CSV record: a blank cell is an absent field. */
export function valuesOfCells(names: readonly string[], cells: readonly string[]): JsonObject {
  const object = cells[names.indexOf('object')]?.trim();
  const name = objectNames.find((candidate) => candidate === object);
  const kind = name && recordKinds[name];
  const values: JsonObject = {};
  for (const [index, field] of names.entries()) {
    const cell = cells[index] ?? '';
    if (cell.trim() === '') continue;
    values[field] = (kind && ruleOf(kind, field)?.ofCell(cell)) ?? cell.trim();
  }
  return values;
}

function ruleOf({ fields }: RecordKind, name: string): FieldRule | undefined {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

function unknownField(name: string, { fields }: RecordKind): string {
  const similar = mostSimilar(name, Object.keys(fields));
  return similar === undefined
    ? 'is not a field of this object'
    : `is not a field of this object: did you mean ${similar}?`;
}

function faultOfPeriod(
  { period }: RecordKind,
  fields: JsonObject,
): { readonly field: string; readonly message: string } | undefined {
  if (period === undefined) return undefined;
  const [start, end] = period.map((name) => parseInstant(textOf(fields, name) ?? ''));
  if (start === undefined || end === undefined || start < end) return undefined;
  return { field: period[1], message: `must be later than ${period[0]}` };
}

function shownName(name: string): string {
  return shownValue(name).slice(1, -1);
}

const MAX_SHOWN = 40;

function withValue(message: string, value: JsonValue | undefined): string {
  if (value === undefined) return `${message}; got none`;
  const text = typeof value === 'string' ? value : jsonText(value);
  const cut = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
  return `${message}; got ${typeof value === 'string' ? shownValue(cut) : cut}`;
}
