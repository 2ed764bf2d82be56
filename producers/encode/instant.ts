/** `DateTime64(3)` and `Date32` can both hold this range: 1900-01-01 to 2299-12-31. */
const EARLIEST_MS = Date.UTC(1900, 0, 1);
const LATEST_MS = Date.UTC(2300, 0, 1) - 1;
const DAY_MS = 86_400_000;

const INSTANT =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?\s?(Z|UTC|[+-](?:0\d|1[0-4]):?[0-5]\d)?)?$/;

/**
 * Parses an ISO 8601 instant to milliseconds since 1970. Returns undefined for other texts and
 * outside 1900 to 2299. Applies an offset, since ChartMogul gives some instants in the account's
 * zone; without one, assumes UTC. Truncates digits beyond the millisecond.
 */
export function parseInstant(text: string): number | undefined {
  const match = INSTANT.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = 'Z'] = match;
  const dateMs = utcDate(Number(year), Number(month), Number(day));
  if (dateMs === undefined || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59)
    return undefined;
  const timeMs = Number(hour) * 3_600_000 + Number(minute) * 60_000 + Number(second) * 1000;
  const ms = dateMs + timeMs + Number(fraction.padEnd(3, '0').slice(0, 3)) - offsetMs(zone);
  return ms >= EARLIEST_MS && ms <= LATEST_MS ? ms : undefined;
}

/**
 * Parses `YYYY-MM-DD`, optionally followed by midnight, to days since 1970. Returns undefined for
 * other texts and outside 1900 to 2299.
 */
export function parseDate(text: string): number | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)(?:[T ]00:00:00(?:\.0{1,9})?(?:Z|[+-]\d\d:?\d\d)?)?$/.exec(text);
  if (match === null) return undefined;
  const ms = utcDate(Number(match[1]), Number(match[2]), Number(match[3]));
  return ms !== undefined && ms >= EARLIEST_MS && ms <= LATEST_MS ? ms / DAY_MS : undefined;
}

/** Returns undefined for a day that does not exist. */
function utcDate(year: number, month: number, day: number): number | undefined {
  const date = new Date(Date.UTC(year, month - 1, day));
  // `Date.UTC` maps the years 0 to 99 to 1900 to 1999.
  const isReal =
    date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return isReal ? date.getTime() : undefined;
}

function offsetMs(zone: string): number {
  if (zone === 'Z' || zone === 'UTC') return 0;
  const sign = zone.startsWith('-') ? -1 : 1;
  return sign * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2))) * 60_000;
}
