import { deadLetterHeaders } from '../dead-letter.ts';
import type { StoredLetter } from './parse-letter.ts';

/** Headers that a letter gets when it is sent again, under its own key, with the value and headers that it had. */
export const letterMarks = {
  /** `redriven`; a letter that says `waiting`, or nothing, waits. */
  state: 'state',
  /** How often it was redriven in vain. */
  attempts: 'attempts',
  /** In ms. */
  redrivenAt: 'redriven-at',
  /** When it was set aside, in ms: the letter's own time is that of its last mark. */
  setAsideAt: 'set-aside-at',
} as const;

const REDRIVEN = 'redriven';

/** What became of a letter. `left`: nothing was done with it, and it is not marked. */
export type RedriveOutcome =
  | { readonly kind: 'redriven'; readonly how: string }
  | { readonly kind: 'again'; readonly error: { readonly code: string; readonly message: string } }
  | { readonly kind: 'left'; readonly why: string };

/** A letter and what became of it; by then it is marked. */
export interface Redriven {
  readonly letter: StoredLetter;
  readonly outcome: RedriveOutcome;
}

/** The letter with its mark, as it is sent again; undefined where there is nothing to mark. */
export function markedLetter(
  { key, value, headers, attempts, setAsideMs }: StoredLetter,
  outcome: RedriveOutcome,
  nowMs: number,
): { key: string; value: Buffer; headers: Record<string, string | Buffer> } | undefined {
  if (outcome.kind === 'left') return undefined;
  // Sent again without it, the letter would be deleted, or its bytes lost.
  if (value === undefined) throw new RangeError('a letter that was read without its value');
  const kept = { ...headers, [letterMarks.setAsideAt]: String(setAsideMs) };
  const marks =
    outcome.kind === 'redriven'
      ? { [letterMarks.state]: REDRIVEN, [letterMarks.redrivenAt]: String(nowMs) }
      : {
          [letterMarks.attempts]: String(attempts + 1),
          [deadLetterHeaders.code]: outcome.error.code,
          [deadLetterHeaders.reason]: outcome.error.message,
        };
  return { key, value, headers: { ...kept, ...marks } };
}

/** Whether the headers are those of a letter that waits no more. */
export function isRedriven(headers: Readonly<Record<string, unknown>> | undefined): boolean {
  const state = headers?.[letterMarks.state];
  return Buffer.isBuffer(state) && state.toString('utf8') === REDRIVEN;
}
