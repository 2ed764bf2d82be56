import type { Advice } from '../../core/remedy.ts';

/** The fields that all stream problems share. Any stream problem makes `status --check` fail. */
interface OfStream extends Advice {
  readonly severity: 'problem';
  readonly stream: string;
}

/** A problem of a stream, with its remedy. */
export type StreamProblem =
  | (OfStream & {
      /** The last run of `produce` failed. */
      readonly kind: 'failed';
      readonly run: string;
    })
  | (OfStream & {
      /** The last run of `produce` ended too long ago. */
      readonly kind: 'stale';
      readonly finishedAtMs: number;
    })
  | (OfStream & {
      /** The stream has lag, and the sink makes no progress. */
      readonly kind: 'stalled';
      readonly lag: bigint;
    })
  | (OfStream & {
      /** The stream has pending dead letters. */
      readonly kind: 'dead-letters';
      readonly count: number;
    });

/** A service or query that failed. */
export interface ServiceFailure extends Advice {
  readonly kind: 'service';
  readonly severity: 'failure';
}

export type WarningKind =
  'lost-rows' | 'no-table' | 'no-topic' | 'producer-clocks' | 'retention' | 'unread-topic' | 'view';

/** A condition that may cause data loss or needs attention, such as a topic without a table. */
export interface Risk extends Advice {
  readonly kind: WarningKind;
  readonly severity: 'warning';
  /** `topic chartmogul.plans`, `table plans_raw` or `view plans`. */
  readonly about: string;
  /**
   * Undefined if the risk does not concern a stream, for example a risk of the checkpoint topic.
   */
  readonly stream: string | undefined;
}

/** A problem that needs attention. */
export type Problem = ServiceFailure | StreamProblem | Risk;

/** Returns the problem as one sentence. */
export function problemText({ kind, message, remedy }: Pick<Problem, 'kind' | 'message' | 'remedy'>): string {
  if (remedy === undefined) return message;
  return `${message}${kind === 'dead-letters' ? ': ' : '; '}${remedy}`;
}
