import { isJsonObject, type JsonValue } from '../../core/json.ts';
import { narrowed, type Page, type SourceList } from './source-list.ts';

const DAY_MS = 86_400_000;

/** Small enough to be read side by side, large enough that a young account is not asked about empty ones. */
const MONTHS_OF_A_WINDOW = 6;

/** A date that is wrong by centuries must not become a window for each half-year since. */
const MAX_WINDOWS = 64;

/** Neither the zone of the bounds nor whether they belong to the window is documented. */
const SLACK_MS = 2 * DAY_MS;

/**
 * Half-years from that of the first activity on, each a day longer at both ends, so that whatever the bounds mean no day is
 * left out; the first has no beginning and the last no end, since activities can lie in the future. What two windows have is
 * sent once. Undefined where the first page does not tell a date.
 */
export function activityWindows({ list, records }: Page, now = new Date()): SourceList[] | undefined {
  const first = records.map(dateOf).find((date) => date !== undefined);
  if (first === undefined) return undefined;
  const starts: number[] = [];
  const begin = new Date(first);
  for (let month = begin.getUTCMonth() < 6 ? 0 : 6; ; month += MONTHS_OF_A_WINDOW) {
    const start = Date.UTC(begin.getUTCFullYear(), month, 1);
    if (start > now.getTime() && starts.length > 0) break;
    starts.push(start);
  }
  if (starts.length < 2) return undefined;
  return starts.slice(-MAX_WINDOWS).map((start, index, all) => {
    const next = all[index + 1];
    const from = index === 0 ? undefined : start - DAY_MS;
    return narrowed(
      list,
      {
        ...(from !== undefined && { 'start-date': day(from) }),
        ...(next !== undefined && { 'end-date': day(next + DAY_MS) }),
      },
      (record) => isWithin(record, from, next),
    );
  });
}

function isWithin(record: JsonValue, from: number | undefined, next: number | undefined): boolean {
  const date = dateOf(record);
  if (date === undefined) return true;
  return date >= (from ?? -Infinity) - SLACK_MS && date <= (next ?? Infinity) + DAY_MS + SLACK_MS;
}

function dateOf(record: JsonValue): number | undefined {
  const date = isJsonObject(record) ? record['date'] : undefined;
  const ms = typeof date === 'string' ? Date.parse(date) : NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
