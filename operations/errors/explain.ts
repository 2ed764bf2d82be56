import { clickHouseRemedy } from '../../core/clickhouse/client.ts';
import { errorEntries, type ErrorEntry } from './reference.ts';

export interface Explanation extends Omit<ErrorEntry, 'sign'> {
  /** The remedy for the ClickHouse error code in the text, if there is a known one. */
  readonly clickHouse?: { readonly code: string; readonly remedy: string };
}

const MAX_TEXT = 20_000;
const MAX_EXPLANATIONS = 3;

/**
 * Explains an error by its code (`ETL_CONFIG`) or by its message. Returns at most three
 * explanations, and an empty list for an unknown error.
 */
export function explainError(text: string): Explanation[] {
  const read = text.slice(0, MAX_TEXT).trim();
  const codes = new Set(read.toUpperCase().match(/\bETL_[A-Z_]+\b/g));
  const named = errorEntries.filter(({ code }) => codes.has(code));
  const found = named.length > 0 ? named : errorEntries.filter(({ sign }) => sign?.test(read) === true);
  const clickHouse = clickHouseIn(read);
  return found.slice(0, MAX_EXPLANATIONS).map(({ code, next, meaning, remedy }) => ({
    ...{ code, next, meaning, remedy },
    ...(clickHouse && { clickHouse }),
  }));
}

function clickHouseIn(text: string): Explanation['clickHouse'] {
  const code = /ClickHouse\b.*?\bcode (\d{1,4})\b|^Code: (\d{1,4})\b/is.exec(text);
  const number = code?.[1] ?? code?.[2];
  const remedy = number === undefined ? undefined : clickHouseRemedy(number);
  return number === undefined || remedy === undefined ? undefined : { code: number, remedy };
}
