import type { MrrFigure } from './mrr-sql.ts';

/** One month in the time zone of the account. Amounts are in cents; rates are percentages. */
export interface MrrMonth {
  /** The first day of the month, such as `2026-03-01`. */
  readonly month: string;
  readonly openingMrr: number;
  readonly newBusiness: number;
  readonly expansion: number;
  /** At most 0, like churn. */
  readonly contraction: number;
  readonly churn: number;
  readonly reactivation: number;
  readonly closingMrr: number;
  readonly customersGained: number;
  readonly customersLost: number;
  readonly customers: number;
  /** Null without customers. */
  readonly arpa: number | null;
  /** Lost customers as a share of those at the start; null if there were none at the start. */
  readonly customerChurnRate: number | null;
  /**
   * Lost MRR less expansion and reactivation, as a share of the MRR at the start; null if there was
   * none at the start.
   */
  readonly mrrChurnRate: number | null;
}

export interface LargeMovement {
  /** Such as `2026-03-01 14:05:09.000`, in the time zone of the account. */
  readonly date: string;
  readonly customer: string;
  readonly customerUuid: string;
  readonly type: string;
  /** Signed cents. */
  readonly movement: number;
  /** MRR of the customer afterwards, in cents. */
  readonly mrr: number | null;
  readonly plan: string;
  readonly description: string;
}

export type MrrReport =
  /** The views of these streams do not exist yet. */
  | { readonly state: 'missing'; readonly streams: readonly ('activities' | 'account')[] }
  /** These MRR views do not exist, although the views of their streams do. */
  | { readonly state: 'no-view'; readonly views: readonly string[] }
  | { readonly state: 'unknown-zone'; readonly timeZone: string }
  | { readonly state: 'no-movements' }
  | {
      readonly state: 'ready';
      /** ISO 4217 code; empty if the account names none. */
      readonly currency: string;
      readonly timeZone: string;
      readonly months: readonly MrrMonth[];
      readonly largest: readonly LargeMovement[];
      /** The query for each figure. Together, these queries return the data of this report. */
      readonly sql: Readonly<Record<MrrFigure | 'largest', string>>;
    };
