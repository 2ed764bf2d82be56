import { ConfigError } from '../../core/errors.ts';

const INSTANT = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d))?$/;

/**
 * Parses `beginning` to undefined, and an ISO time to ms since 1970. A date is its start in UTC.
 *
 * @throws ConfigError
 */
export function parseFrom(text: string, nowMs: number): number | undefined {
  if (text === 'beginning') return undefined;
  const ms = INSTANT.test(text) && isDay(text.slice(0, 10)) ? Date.parse(text) : NaN;
  if (Number.isNaN(ms))
    throw new ConfigError(
      `--from must be beginning, or an ISO time such as 2026-01-31 or 2026-01-31T12:00:00Z; got ${JSON.stringify(text)}`,
    );
  if (ms > nowMs) throw new ConfigError(`--from must not be in the future; got ${text}: nothing was changed`);
  return ms;
}

/** Whether the day exists: `Date.parse` reads the 30th of February as the 2nd of March. */
function isDay(date: string): boolean {
  const ms = Date.parse(date);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(date);
}
