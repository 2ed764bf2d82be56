/** `GET /api/streams/NAME/columns` */
export interface ColumnList {
  readonly name: string;
  readonly columns: readonly ColumnLine[];
}

export interface ColumnLine {
  readonly name: string;
  readonly type: string;
  readonly comment: string;
  /**
   * The field that fills the column: its type, and the first and the latest version of the schema
   * that contain it. Null if no field does, undefined if the schemas are unknown.
   */
  readonly origin:
    | { readonly type: string; readonly since: number; readonly until: number; readonly isCurrent: boolean }
    | null
    | undefined;
  readonly isSystem: boolean;
}

/** `GET /api/streams/NAME/rows`: the newest rows. */
export interface NewestRows {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** Every value as exact text. */
  readonly rows: readonly (readonly (string | null)[])[];
  readonly elapsedMs: number;
  readonly newestBy: string | undefined;
  readonly isTruncated: boolean;
}
