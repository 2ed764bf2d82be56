import { pastTime, wrong } from '../../core/settings/setting-values.ts';

const RULE = 'beginning, or an ISO time such as 2026-01-31 or 2026-01-31T12:00:00Z';

/** Parses `beginning` to undefined, and an ISO time to ms since 1970. @throws ConfigError */
export function parseFrom(text: string, nowMs: number): number | undefined {
  if (text === 'beginning') return undefined;
  // A replay does not guess the zone of a time.
  if (!/^[\d-]*$|T.*(Z|[+-]\d\d:\d\d)$/.test(text)) throw wrong('--from', text, RULE);
  return pastTime('--from', text, nowMs, RULE);
}
