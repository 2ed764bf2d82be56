import { ConfigError } from '../errors.ts';
import { calendarDay, integer, number, oneOf, severalOf, wrong } from './setting-values.ts';
import { isProducedName } from '../stream-name.ts';

const metricsIntervals = ['day', 'week', 'month', 'quarter', 'year'] as const;
/** What one entry of a metric covers. */
export type MetricsInterval = (typeof metricsIntervals)[number];

const driftModes = ['evolve', 'freeze', 'discard'] as const;
/**
 * What becomes of a record that its stream's schema cannot take: the schema grows, or the record is a dead letter, or its
 * unknown fields are dropped and counted.
 */
export type DriftMode = (typeof driftModes)[number];

/** What a run reads, and how it judges what it finds. */
export interface ProduceSettings {
  readonly metrics: {
    /** The first day asked for, `YYYY-MM-DD`. */
    readonly startDate: string;
    readonly intervals: readonly MetricsInterval[];
    /** How far back a run asks again; undefined: to `startDate`. */
    readonly lookBackDays: number | undefined;
  };
  /** After so many days the lists of all parents are read again, however little seems to have changed. */
  readonly fullRoundDays: number;
  /** A stream that would lose more of its keys than this stops. */
  readonly massDeletePercent: number;
  /** By stream, as written: whether there is such a stream is for the producer to say. */
  readonly modes: ReadonlyMap<string, DriftMode>;
  /** The streams that CONFIG_FILE adds, as they stand there. */
  readonly customStreams: readonly unknown[];
}

const EARLIEST_ZONE_MS = 14 * 3_600_000;

type ProduceValues = Readonly<
  Record<
    | 'METRICS_START_DATE'
    | 'METRICS_INTERVALS'
    | 'METRICS_LOOK_BACK_DAYS'
    | 'FULL_ROUND_DAYS'
    | 'MASS_DELETE_PERCENT'
    | 'STREAM_MODES',
    string
  >
>;

/** @throws ConfigError naming the variable, what it got and what it wants. */
export function produceSettings(values: ProduceValues, customStreams: readonly unknown[]): ProduceSettings {
  const lookBack = values.METRICS_LOOK_BACK_DAYS;
  return Object.freeze({
    metrics: Object.freeze({
      startDate: startDate('METRICS_START_DATE', values.METRICS_START_DATE),
      intervals: severalOf('METRICS_INTERVALS', values.METRICS_INTERVALS, metricsIntervals),
      lookBackDays: lookBack === '' ? undefined : integer('METRICS_LOOK_BACK_DAYS', lookBack, 1, 36_500),
    }),
    fullRoundDays: integer('FULL_ROUND_DAYS', values.FULL_ROUND_DAYS, 1, 365),
    massDeletePercent: number('MASS_DELETE_PERCENT', values.MASS_DELETE_PERCENT, 0, 100),
    modes: streamModes(values.STREAM_MODES),
    customStreams,
  });
}

/** A day that has begun somewhere on Earth. */
function startDate(name: string, value: string): string {
  const day = calendarDay(name, value);
  const latest = new Date(Date.now() + EARLIEST_ZONE_MS).toISOString();
  if (day > latest) throw wrong(name, value, 'a day that is not in the future');
  return day;
}

function streamModes(value: string): ReadonlyMap<string, DriftMode> {
  const modes = new Map<string, DriftMode>();
  if (value === '') return modes;
  for (const item of value.split(',')) {
    const [stream = '', mode = '', ...rest] = item.split('=').map((part) => part.trim());
    if (!isProducedName(stream) || rest.length > 0) {
      throw wrong('STREAM_MODES', value, 'stream=mode, several by comma');
    }
    if (modes.has(stream))
      throw new ConfigError(`STREAM_MODES must name each stream once; got ${stream} twice`);
    modes.set(stream, oneOf(`STREAM_MODES for ${stream}`, mode, driftModes));
  }
  return modes;
}
