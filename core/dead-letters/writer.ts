import { redactedInOwnWords } from '../redact.ts';
import { deadLetterHeaders, deadLetterMarks } from './format.ts';
import type { StoredDeadLetter } from './reader.ts';

/** Bytes of the value that a truncated dead letter keeps: enough to inspect. */
const KEPT_VALUE_BYTES = 64 * 1024;
const KEPT_HEADER_BYTES = 8 * 1024;

/** The result of a redrive. `skipped`: nothing was done and the dead letter is not marked. */
export type RedriveOutcome =
  | { readonly kind: 'redriven'; readonly how: string }
  | { readonly kind: 'failed'; readonly error: { readonly code: string; readonly message: string } }
  | { readonly kind: 'skipped'; readonly why: string };

export interface Discarding {
  readonly kind: 'discarded';
  readonly reason: string;
}

export interface Redriven {
  readonly deadLetter: StoredDeadLetter;
  readonly outcome: RedriveOutcome;
}

export function markedDeadLetter(
  { key, value, headers, attempts, rejectedAtMs }: StoredDeadLetter,
  outcome: RedriveOutcome | Discarding,
  nowMs: number,
): { key: string; value: Buffer; headers: Record<string, string | Buffer> } | undefined {
  if (outcome.kind === 'skipped') return undefined;
  // A message without a value would delete the dead letter or lose its bytes.
  if (value === undefined) throw new RangeError('the dead letter was read without its value');
  const marks = { [deadLetterMarks.rejectedAt]: String(rejectedAtMs), ...marksOf(outcome, attempts, nowMs) };
  return { key, value, headers: { ...headers, ...marks } };
}

function marksOf(
  outcome: Exclude<RedriveOutcome | Discarding, { kind: 'skipped' }>,
  attempts: number,
  nowMs: number,
): Record<string, string> {
  const { state, redrivenAt, discardedAt, discardReason } = deadLetterMarks;
  switch (outcome.kind) {
    case 'redriven':
      return { [state]: 'redriven', [redrivenAt]: String(nowMs) };
    case 'discarded':
      return { [state]: 'discarded', [discardedAt]: String(nowMs), [discardReason]: outcome.reason };
    case 'failed':
      return {
        [deadLetterMarks.attempts]: String(attempts + 1),
        [deadLetterHeaders.code]: outcome.error.code,
        [deadLetterHeaders.reason]: redactedInOwnWords(outcome.error.message),
      };
  }
}

type Headers = Readonly<Record<string, string | Buffer>>;

/**
 * Truncates a large value and large headers, and adds the original lengths of a truncated value and
 * key as headers. Returns the same object if nothing is too large.
 */
export function truncated<T extends { readonly value: Buffer; readonly headers: Headers }>(message: T): T {
  const { truncated: valueHeader, keyTruncated: keyHeader } = deadLetterHeaders;
  const { value } = message;
  const headers: Record<string, string | Buffer> = { ...message.headers };
  let isCut = false;
  for (const [name, text] of Object.entries(headers)) {
    const bytes = Buffer.from(text);
    if (bytes.length <= KEPT_HEADER_BYTES) continue;
    isCut = true;
    headers[name] = bytes.subarray(0, KEPT_HEADER_BYTES);
    if (name === deadLetterHeaders.key) headers[keyHeader] ??= String(bytes.length);
  }
  if (value.length > KEPT_VALUE_BYTES) {
    isCut = true;
    headers[valueHeader] ??= String(value.length);
  }
  return isCut ? { ...message, value: value.subarray(0, KEPT_VALUE_BYTES), headers } : message;
}
