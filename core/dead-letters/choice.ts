import { letterSteps, type LetterStep, type StoredLetter } from './parse-letter.ts';
import { ConfigError } from '../errors.ts';
import { oneOf, unitMs } from '../settings/setting-values.ts';

/** Which letters are meant; what is undefined says nothing. */
export interface LetterFilter {
  readonly streams?: readonly string[] | undefined;
  readonly step?: LetterStep | undefined;
  /** Part of code or reason, in small or capital letters. */
  readonly reason?: string | undefined;
  /** Set aside at this time in ms, or later. */
  readonly sinceMs?: number | undefined;
  /** Also those that wait no more. */
  readonly isSettledToo?: boolean;
}

/** A filter as it was typed. */
export interface FilterOptions {
  readonly streams?: string;
  readonly step?: string;
  readonly reason?: string;
  readonly since?: string;
  readonly all?: true;
}

/** @throws ConfigError */
export function parseFilter(
  { streams, step, reason, since, all }: FilterOptions,
  nowMs: number,
): LetterFilter {
  return {
    streams: streams?.split(',').map((name) => name.trim()),
    step: step === undefined ? undefined : oneOf('--step', step, letterSteps),
    reason,
    sinceMs: since === undefined ? undefined : parseSince(since, nowMs),
    isSettledToo: all === true,
  };
}

export function isMeant(letter: StoredLetter, filter: LetterFilter): boolean {
  const { streams, step, reason, sinceMs, isSettledToo = false } = filter;
  const said = `${letter.code} ${letter.reason}`.toLowerCase();
  return (
    (isSettledToo || letter.state === 'waiting') &&
    (streams?.includes(letter.stream) ?? true) &&
    (step === undefined || letter.step === step) &&
    (reason === undefined || said.includes(reason.toLowerCase())) &&
    (sinceMs === undefined || letter.setAsideMs >= sinceMs)
  );
}

/** The letters of each stream, in their order. */
export function byStream<T extends StoredLetter>(letters: readonly T[]): ReadonlyMap<string, readonly T[]> {
  const streams = new Map<string, T[]>();
  for (const letter of letters) {
    const ofStream = streams.get(letter.stream);
    if (ofStream === undefined) streams.set(letter.stream, [letter]);
    else ofStream.push(letter);
  }
  return streams;
}

/** Digits of an id where letters are listed; of a prefix, at least and at most. */
export const SHORT_ID_DIGITS = 8;
const MIN_ID_DIGITS = 4;
const MAX_ID_DIGITS = 64;

/** The beginning of an id, as it was typed. @throws ConfigError */
export function parseIdPrefix(text: string): string {
  const prefix = text.toLowerCase();
  if (!/^[0-9a-f]+$/.test(prefix) || prefix.length < MIN_ID_DIGITS || prefix.length > MAX_ID_DIGITS)
    throw new ConfigError(
      `ID is ${JSON.stringify(text.slice(0, 80))}, wants ${MIN_ID_DIGITS} to ${MAX_ID_DIGITS} hex digits, as \`list\` shows them`,
    );
  return prefix;
}

/** The one letter whose id begins so. @throws ConfigError where there is none, or more than one */
export function letterById(letters: readonly StoredLetter[], prefix: string): StoredLetter {
  const [letter, ...more] = letters.filter(({ id }) => id.startsWith(prefix));
  if (letter === undefined)
    throw new ConfigError(`no dead letter has the ID ${prefix}: \`list --all\` shows them all`);
  if (more.length > 0) {
    const ids = [letter, ...more].slice(0, 3).map(({ id }) => id.slice(0, prefix.length + SHORT_ID_DIGITS));
    throw new ConfigError(
      `the ID ${prefix} is that of ${more.length + 1} dead letters, give more digits: ${ids.join(', ')}${more.length > 2 ? ', …' : ''}`,
    );
  }
  return letter;
}

/** A time in ISO form (UTC where it names no zone), or one before now such as `2h`, in ms. @throws ConfigError */
function parseSince(text: string, nowMs: number): number {
  const ago = /^(\d{1,6})([smhd])$/.exec(text);
  if (ago !== null) return nowMs - Number(ago[1]) * (unitMs[ago[2] ?? ''] ?? NaN);
  const iso = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:\d\d)?)?$/.exec(text);
  const timeMs = iso === null ? NaN : Date.parse(`${iso[1]}T${iso[2] ?? '00:00'}${iso[3] ?? 'Z'}`);
  if (Number.isNaN(timeMs))
    throw new ConfigError(
      `--since is ${JSON.stringify(text.slice(0, 80))}, wants a time such as 2026-01-31T12:00Z, 2h or 3d`,
    );
  if (timeMs > nowMs) throw new ConfigError(`--since is ${text}, wants a time that is not in the future`);
  return timeMs;
}
