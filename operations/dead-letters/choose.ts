import {
  deadLetterSteps,
  type DeadLetterStep,
  type StoredDeadLetter,
} from '../../core/dead-letters/reader.ts';
import { ConfigError } from '../../core/errors.ts';
import { commaList, oneOf, timeOrAge } from '../../core/settings/setting-values.ts';

/**
 * Selects dead letters. Except for `includesSettled`, an undefined field does not restrict the
 * selection.
 */
export interface DeadLetterFilter {
  readonly streams?: readonly string[] | undefined;
  readonly step?: DeadLetterStep | undefined;
  /** Part of the code or reason, case-insensitive. */
  readonly reason?: string | undefined;
  /** Selects dead letters rejected at or after this time, in ms since 1970. */
  readonly sinceMs?: number | undefined;
  /** Also selects redriven and discarded dead letters. By default, selects only pending ones. */
  readonly includesSettled?: boolean;
}

export interface FilterOptions {
  readonly streams?: string;
  readonly step?: string;
  readonly reason?: string;
  readonly since?: string;
  readonly all?: true;
}

const SINCE_RULE = 'a time such as 2026-01-31T12:00Z, 2h or 3d';

/** @throws ConfigError */
export function parseFilter(
  { streams, step, reason, since, all }: FilterOptions,
  nowMs: number,
): DeadLetterFilter {
  return {
    streams: streams === undefined ? undefined : commaList(streams),
    step: step === undefined ? undefined : oneOf('--step', step, deadLetterSteps),
    reason,
    sinceMs: since === undefined ? undefined : timeOrAge('--since', since, nowMs, SINCE_RULE),
    includesSettled: all === true,
  };
}

export function matchesFilter(deadLetter: StoredDeadLetter, filter: DeadLetterFilter): boolean {
  const { streams, step, reason, sinceMs, includesSettled = false } = filter;
  const text = `${deadLetter.code} ${deadLetter.reason}`.toLowerCase();
  return (
    (includesSettled || deadLetter.state === 'waiting') &&
    (streams?.includes(deadLetter.stream) ?? true) &&
    (step === undefined || deadLetter.step === step) &&
    (reason === undefined || text.includes(reason.toLowerCase())) &&
    (sinceMs === undefined || deadLetter.rejectedAtMs >= sinceMs)
  );
}

export function byStream<T extends StoredDeadLetter>(
  deadLetters: readonly T[],
): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const { stream } of deadLetters) groups.set(stream, []);
  for (const deadLetter of deadLetters) groups.get(deadLetter.stream)?.push(deadLetter);
  return groups;
}

/** Number of digits of an id that a list shows. */
export const SHORT_ID_DIGITS = 8;
const MIN_ID_DIGITS = 4;
const MAX_ID_DIGITS = 64;

/** Parses the first digits of an id. @throws ConfigError */
export function parseIdPrefix(text: string): string {
  const prefix = text.toLowerCase();
  if (!/^[0-9a-f]+$/.test(prefix) || prefix.length < MIN_ID_DIGITS || prefix.length > MAX_ID_DIGITS)
    throw new ConfigError(
      `ID must be ${MIN_ID_DIGITS} to ${MAX_ID_DIGITS} hex digits, as \`list\` shows them; got ${JSON.stringify(text.slice(0, 80))}`,
    );
  return prefix;
}

/**
 * Returns a function that selects ids by their first digits. Its cost does not grow with the number
 * of complete ids.
 */
export function hasPrefixOf(prefixes: readonly string[]): (id: string) => boolean {
  const whole = new Set(prefixes);
  const parts = prefixes.filter(({ length }) => length < MAX_ID_DIGITS);
  return (id) => whole.has(id) || parts.some((prefix) => id.startsWith(prefix));
}

/**
 * Returns the dead letter whose id has this prefix.
 * @throws ConfigError unless exactly one matches
 */
export function findDeadLetter(deadLetters: readonly StoredDeadLetter[], prefix: string): StoredDeadLetter {
  const [deadLetter, ...more] = deadLetters.filter(({ id }) => id.startsWith(prefix));
  if (deadLetter === undefined)
    throw new ConfigError(`no dead letter has the ID ${prefix}: \`list --all\` shows them all`);
  if (more.length > 0) {
    const shown = [deadLetter, ...more].slice(0, 3);
    const ids = shown.map(({ id }) => id.slice(0, prefix.length + SHORT_ID_DIGITS));
    throw new ConfigError(
      `the ID ${prefix} matches ${more.length + 1} dead letters; give more digits: ${ids.join(', ')}${more.length > 2 ? ', …' : ''}`,
    );
  }
  return deadLetter;
}
