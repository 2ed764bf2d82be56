import { stringify } from 'lossless-json';

/** A record as the API returns it. A bigint becomes a JSON integer with all its digits. */
export type Rendered = Readonly<Record<string, unknown>>;

/** Returns JSON. `JSON.stringify` rejects a bigint, and lossless-json's `stringify` is slower. */
export function toJson(record: Rendered): string {
  return (containsBigint(record) ? stringify(record) : JSON.stringify(record)) ?? 'null';
}

function containsBigint(value: unknown): boolean {
  if (typeof value === 'bigint') return true;
  if (typeof value !== 'object' || value === null) return false;
  for (const name in value) {
    if (containsBigint((value as Rendered)[name])) return true;
  }
  return false;
}
