import { ConfigError } from '../errors.ts';
import { calendarDay, oneOf, wrong } from './setting-values.ts';
import { isProducedName } from '../stream-name.ts';

export const metricsIntervals = ['day', 'week', 'month', 'quarter', 'year'] as const;
export type MetricsInterval = (typeof metricsIntervals)[number];

const driftModes = ['evolve', 'freeze', 'discard'] as const;
/**
 * The reaction to schema drift: the schema grows, the record is rejected, or unknown fields are
 * dropped.
 */
export type DriftMode = (typeof driftModes)[number];

export interface ProduceSettings {
  readonly metrics: {
    /** The first requested day, `YYYY-MM-DD`. */
    readonly startDate: string;
    readonly intervals: readonly MetricsInterval[];
    /** The days that a run reads again; undefined means all days from `startDate`. */
    readonly lookBackDays: number | undefined;
  };
  /** Days between full refreshes, which read the child lists of all parents. */
  readonly fullRoundDays: number;
  /** A stream fails if a run would delete a larger share of its keys. */
  readonly massDeletePercent: number;
  /** The drift modes by stream. The producer checks that the streams exist. */
  readonly modes: ReadonlyMap<string, DriftMode>;
  /** The streams that CONFIG_FILE adds, not yet parsed. */
  readonly customStreams: readonly unknown[];
}

const EARLIEST_ZONE_MS = 14 * 3_600_000;

/** Parses a day that has begun in some time zone. @throws ConfigError */
export function startDate(name: string, value: string): string {
  const day = calendarDay(name, value);
  const latest = new Date(Date.now() + EARLIEST_ZONE_MS).toISOString();
  if (day > latest) throw wrong(name, value, 'a day that is not in the future');
  return day;
}

/** @throws ConfigError */
export function streamModes(name: string, value: string): ReadonlyMap<string, DriftMode> {
  const modes = new Map<string, DriftMode>();
  if (value === '') return modes;
  for (const item of value.split(',')) {
    const [stream = '', mode = '', ...rest] = item.split('=').map((part) => part.trim());
    if (!isProducedName(stream) || rest.length > 0)
      throw wrong(name, value, 'stream=mode, or a comma-separated list of them');
    if (modes.has(stream)) throw new ConfigError(`${name} must name each stream once; got ${stream} twice`);
    modes.set(stream, oneOf(`${name} for ${stream}`, mode, driftModes));
  }
  return modes;
}
