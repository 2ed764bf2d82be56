/** A problem that needs attention: one line per cause. */
export interface ProblemLine {
  /**
   * `failure`: a service or query that failed; `problem`: a problem of a stream; `warning`: a risk.
   */
  readonly severity: 'failure' | 'problem' | 'warning';
  readonly kind:
    | 'service'
    | 'failed'
    | 'stale'
    | 'stalled'
    | 'dead-letters'
    | 'lost-rows'
    | 'no-table'
    | 'no-topic'
    | 'producer-clocks'
    | 'retention'
    | 'unread-topic'
    | 'view';
  /** Streams for a problem; topics, tables or views for a warning; empty for a failure. */
  readonly about: readonly string[];
  readonly message: string;
  /** Commands are in backticks. */
  readonly remedy?: string | undefined;
  /** The run that failed. */
  readonly run?: string | undefined;
}
