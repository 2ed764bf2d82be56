import { ConfigError } from '../../core/errors.ts';

const INSTANT = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d))?$/;

/** `beginning` (undefined), or an ISO time in ms since 1970; a date is the beginning of its day in UTC. @throws ConfigError */
export function parseFrom(text: string, nowMs: number): number | undefined {
  if (text === 'beginning') return undefined;
  const ms = INSTANT.test(text) && isDay(text.slice(0, 10)) ? Date.parse(text) : NaN;
  if (Number.isNaN(ms))
    throw new ConfigError(
      `--from is ${JSON.stringify(text)}, wants beginning, or an ISO time such as 2026-01-31 or 2026-01-31T12:00:00Z`,
    );
  if (ms > nowMs) throw new ConfigError(`--from is ${text}, which is in the future: nothing was changed`);
  return ms;
}

/** `Date.parse` takes the 30th of February for the 2nd of March. */
function isDay(date: string): boolean {
  const ms = Date.parse(date);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(date);
}
