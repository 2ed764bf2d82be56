import { deadLetterHeaders } from './dead-letter.ts';
import { redactedInOwnWords } from '../redact.ts';
import type { StoredLetter } from './parse-letter.ts';

/** Headers that a letter gets when it is sent again, under its own key, with the value and headers that it had. */
export const letterMarks = {
  /** `redriven` or `discarded`; a letter that says `waiting`, or nothing, waits. */
  state: 'state',
  /** How often it was redriven in vain. */
  attempts: 'attempts',
  /** In ms. */
  redrivenAt: 'redriven-at',
  /** When it was set aside, in ms: the letter's own time is that of its last mark. */
  setAsideAt: 'set-aside-at',
  /** When it was discarded, in ms, and why. */
  discardedAt: 'discarded-at',
  discardReason: 'discard-reason',
} as const;

/** `redriven`: its record or row is in place. `discarded`: a person has given it up. Neither waits any more. */
export type LetterState = 'waiting' | 'redriven' | 'discarded';

/** What became of a letter. `left`: nothing was done with it, and it is not marked. */
export type RedriveOutcome =
  | { readonly kind: 'redriven'; readonly how: string }
  | { readonly kind: 'again'; readonly error: { readonly code: string; readonly message: string } }
  | { readonly kind: 'left'; readonly why: string };

/** A person gives the letter up. */
export interface Discarding {
  readonly kind: 'discarded';
  readonly reason: string;
}

/** A letter and what became of it; by then it is marked. */
export interface Redriven {
  readonly letter: StoredLetter;
  readonly outcome: RedriveOutcome;
}

/** The letter with its mark, as it is sent again; undefined where there is nothing to mark. */
export function markedLetter(
  { key, value, headers, attempts, setAsideMs }: StoredLetter,
  outcome: RedriveOutcome | Discarding,
  nowMs: number,
): { key: string; value: Buffer; headers: Record<string, string | Buffer> } | undefined {
  if (outcome.kind === 'left') return undefined;
  // Sent again without it, the letter would be deleted, or its bytes lost.
  if (value === undefined) throw new RangeError('a letter that was read without its value');
  const kept = { ...headers, [letterMarks.setAsideAt]: String(setAsideMs) };
  return { key, value, headers: { ...kept, ...marksOf(outcome, attempts, nowMs) } };
}

function marksOf(
  outcome: Exclude<RedriveOutcome | Discarding, { kind: 'left' }>,
  attempts: number,
  nowMs: number,
): Record<string, string> {
  const { state, redrivenAt, discardedAt, discardReason } = letterMarks;
  switch (outcome.kind) {
    case 'redriven':
      return { [state]: 'redriven', [redrivenAt]: String(nowMs) };
    case 'discarded':
      return { [state]: 'discarded', [discardedAt]: String(nowMs), [discardReason]: outcome.reason };
    case 'again':
      return {
        [letterMarks.attempts]: String(attempts + 1),
        [deadLetterHeaders.code]: outcome.error.code,
        [deadLetterHeaders.reason]: redactedInOwnWords(outcome.error.message),
      };
  }
}

/** What the headers of a letter say of it. */
export function letterState(headers: Readonly<Record<string, unknown>> | undefined): LetterState {
  const header = headers?.[letterMarks.state];
  const state = Buffer.isBuffer(header) ? header.toString('utf8') : '';
  return state === 'redriven' || state === 'discarded' ? state : 'waiting';
}
