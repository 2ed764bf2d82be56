import type { Rendered } from './data/rendered.ts';

export type Test = (record: Rendered, value: string) => boolean;

/** The filters by parameter name. `true` compares the value with the field of that name. */
export type Filters = Readonly<Record<string, Test | true>>;

export function accepting(query: URLSearchParams, filters: Filters): (record: Rendered) => boolean {
  const asked = Object.entries(filters).flatMap(([name, test]) => {
    const value = query.get(name);
    if (value === null) return [];
    return [(record: Rendered) => (test === true ? String(record[name]) === value : test(record, value))];
  });
  return (record) => asked.every((passes) => passes(record));
}

/** Returns a test of whether a date or time field is on or after the day in the filter. */
export function onOrAfter(field: string): Test {
  return (record, value) => String(record[field]).slice(0, value.length) >= value;
}

export function onOrBefore(field: string): Test {
  return (record, value) => String(record[field]).slice(0, value.length) <= value;
}

/** Returns a test of whether a list contains the value of the filter. */
export function includes(field: string): Test {
  return (record, value) => (record[field] as readonly unknown[]).includes(value);
}

export function isTrue(query: URLSearchParams, name: string): boolean {
  return query.get(name) === 'true';
}
