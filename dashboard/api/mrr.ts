/** `GET /api/mrr?months=12|24|all`. Amounts are cents, rates are percent. */
export type MrrAnswer =
  | { readonly state: 'missing'; readonly streams: readonly string[] }
  | { readonly state: 'no-view'; readonly views: readonly string[] }
  | { readonly state: 'unknown-zone'; readonly timeZone: string }
  | { readonly state: 'no-movements' }
  | {
      readonly state: 'ready';
      readonly currency: string;
      readonly timeZone: string;
      readonly months: readonly MrrMonth[];
      readonly largest: readonly LargeMovement[];
      readonly sql: Readonly<Record<'mrr' | 'customers' | 'arpa' | 'churn' | 'largest', string>>;
    };

export interface MrrMonth {
  /** Its first day, such as `2026-03-01`. */
  readonly month: string;
  readonly openingMrr: number;
  readonly newBusiness: number;
  readonly expansion: number;
  readonly contraction: number;
  readonly churn: number;
  readonly reactivation: number;
  readonly closingMrr: number;
  readonly customersGained: number;
  readonly customersLost: number;
  readonly customers: number;
  readonly arpa: number | null;
  readonly customerChurnRate: number | null;
  readonly mrrChurnRate: number | null;
}

export interface LargeMovement {
  /** In the time zone of the account. */
  readonly date: string;
  readonly customer: string;
  readonly customerUuid: string;
  readonly type: string;
  readonly movement: number;
  readonly mrr: number | null;
  readonly plan: string;
  readonly description: string;
}
