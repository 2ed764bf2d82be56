/** Times are milliseconds since 1970. These functions format them as ChartMogul does. */

/** The account's zone. */
export const timeZone = 'America/New_York';

export const second = 1000;
export const hour = 3_600_000;
export const day = 24 * hour;

/** Formats as `2024-03-13T04:14:41.711Z`. */
export function milliseconds(at: number): string {
  return new Date(at).toISOString();
}

/** Formats as `2023-10-27T08:15:37Z`. */
export function seconds(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

/** Formats as in cursors, more precisely than any payload: `2024-03-13T04:14:41.711248391Z`. */
export function nanoseconds(at: number): string {
  const finer = String(((at % 99_991) * 7919) % 1_000_000).padStart(6, '0');
  return `${new Date(at).toISOString().slice(0, 23)}${finer}Z`;
}

/** Formats as `2024-03-30`. */
export function date(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

/** Formats in the account's zone, without milliseconds: `2016-01-25T00:00:00-05:00`. */
export function inZone(at: number): string {
  const offset = zoneOffset(at);
  const local = new Date(at + offset * 60_000).toISOString().slice(0, 19);
  const minutes = Math.abs(offset);
  return `${local}${offset < 0 ? '-' : '+'}${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
}

/** Formats in the account's own calendar: `2024-03-30`. */
export function dateInZone(at: number): string {
  return date(at + zoneOffset(at) * 60_000);
}

const zoneFormat = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' });
const zoneOffsets = new Map<number, number>();

/**
 * Returns the offset from UTC in minutes. Cached by hour, because Intl is slow and the offset
 * changes only on the hour.
 */
function zoneOffset(at: number): number {
  const hourOf = Math.floor(at / hour);
  let offset = zoneOffsets.get(hourOf);
  if (offset === undefined) zoneOffsets.set(hourOf, (offset = offsetAt(hourOf * hour)));
  return offset;
}

function offsetAt(at: number): number {
  const name = zoneFormat.formatToParts(at).find((part) => part.type === 'timeZoneName')?.value ?? '';
  const [, sign, hours = 0, minutes = 0] = /([+-])(\d\d):(\d\d)/.exec(name) ?? [];
  const size = Number(hours) * 60 + Number(minutes);
  return sign === '-' ? -size : size;
}

/**
 * Returns the same day and time the given number of months later; in a shorter month, the last day.
 */
export function addMonths(at: number, months: number): number {
  const moved = new Date(at);
  const dayOfMonth = moved.getUTCDate();
  moved.setUTCDate(1);
  moved.setUTCMonth(moved.getUTCMonth() + months);
  const lastDay = new Date(Date.UTC(moved.getUTCFullYear(), moved.getUTCMonth() + 1, 0)).getUTCDate();
  moved.setUTCDate(Math.min(dayOfMonth, lastDay));
  return moved.getTime();
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}
