import type { JobState } from './job.ts';

/** The body of `POST /api/reconcile`. */
export interface ReconcileRequest {
  /** All streams if absent. */
  readonly streams?: readonly string[];
  /** Also reads ChartMogul, and compares it with the topics. */
  readonly comparesSource: boolean;
  /** Writes: replaces views, inserts and deletes rows. */
  readonly isRepair: boolean;
}

/** The progress of a comparison. */
export interface ReconcileProgress {
  readonly request: ReconcileRequest;
  readonly streams: number;
  readonly compared: number;
  readonly active: readonly {
    readonly stream: string;
    readonly doing: string;
    readonly read: number;
    readonly messages: number;
  }[];
  /** The number of records read from ChartMogul, by stream. */
  readonly sources: Readonly<Record<string, number>>;
}

export interface ReconciledKey {
  readonly key: string;
  readonly kind: string;
}

/**
 * A stream in the JSON of `npm run reconcile -- --json`. A parent that was read only for its child
 * streams has only `source`.
 */
export interface ReconciledStream {
  readonly equal?: boolean;
  readonly keys?: number;
  readonly missing?: number;
  readonly stray?: number;
  readonly older?: number;
  readonly other?: number;
  readonly twice?: number;
  readonly behind?: number;
  readonly dead_letters?: number;
  readonly by_key?: boolean;
  readonly examples?: readonly ReconciledKey[];
  readonly views?: readonly { readonly view: string; readonly problem: string | null }[];
  readonly faults?: readonly string[];
  readonly notes?: readonly string[];
  readonly repair?: {
    readonly inserted: number;
    readonly deleted: number;
    readonly left: number;
    readonly remarks: readonly string[];
  };
  readonly failure?: string;
  readonly source?: {
    readonly equal: boolean;
    readonly records: number;
    readonly keys: number;
    readonly missing: number;
    readonly changed: number;
    readonly stray: number;
    readonly twice: number;
    readonly dead_letters: number;
    readonly not_compared: number;
    readonly examples: readonly ReconciledKey[];
    readonly failure?: string;
  };
}

export interface ReconcileReport {
  readonly equal: boolean;
  readonly streams: Readonly<Record<string, ReconciledStream>>;
}

/** `GET /api/reconcile`. `POST /api/reconcile` starts the job, and `…/cancel` cancels it. */
export interface ReconcileState {
  readonly job: JobState<ReconcileProgress, ReconcileReport>;
  /** The names of known streams. */
  readonly streams: readonly string[];
}
