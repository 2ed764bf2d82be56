import type { Rendered } from './data/rendered.ts';

/** Whether a record passes a filter's value. */
export type Test = (record: Rendered, value: string) => boolean;

/** By parameter name. A filter without a test of its own compares the field of that name. */
export type Filters = Readonly<Record<string, Test | true>>;

/** Returns a test that accepts the records that pass every filter in the query. */
export function accepting(query: URLSearchParams, filters: Filters): (record: Rendered) => boolean {
  const asked = Object.entries(filters).flatMap(([name, test]) => {
    const value = query.get(name);
    if (value === null) return [];
    return [(record: Rendered) => (test === true ? String(record[name]) === value : test(record, value))];
  });
  return (record) => asked.every((passes) => passes(record));
}

/** Accepts a date or time field that is on the filter's day or after it. */
export const onOrAfter =
  (field: string): Test =>
  (record, value) =>
    String(record[field]).slice(0, value.length) >= value;

/** Accepts a date or time field that is on the filter's day or before it. */
export const onOrBefore =
  (field: string): Test =>
  (record, value) =>
    String(record[field]).slice(0, value.length) <= value;

/** Accepts a list field that has the value among its own. */
export const holds =
  (field: string): Test =>
  (record, value) => {
    const list = record[field];
    return Array.isArray(list) && list.includes(value);
  };

export function isTrue(query: URLSearchParams, name: string): boolean {
  return query.get(name) === 'true';
}
