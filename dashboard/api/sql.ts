/** `POST /api/sql/run`: the first rows of a result. */
export interface SqlResult {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** Values as text with all digits; null means NULL. */
  readonly rows: readonly (readonly (string | null)[])[];
  /** Whether the result has more rows. */
  readonly isTruncated: boolean;
  readonly elapsedMs: number;
  readonly rowsRead?: number | undefined;
  readonly bytesRead?: number | undefined;
}

/** `GET /api/sql/names`: the names that the editor completes. */
export interface SqlNames {
  readonly tables: readonly SqlTable[];
  readonly functions: readonly {
    readonly name: string;
    readonly syntax: string;
    readonly about: string;
  }[];
  readonly keywords: readonly string[];
}

export interface SqlTable {
  readonly name: string;
  readonly kind: 'view' | 'table';
  readonly columns: readonly { readonly name: string; readonly type: string; readonly comment: string }[];
}

/** `GET /api/sql/questions`: ready-made questions. */
export interface SqlQuestion {
  readonly name: string;
  readonly title: string;
  readonly about: string;
  readonly chart?: SqlChart | undefined;
  readonly sql: string;
}

/** The chart of a result, by names of its columns. */
export interface SqlChart {
  readonly kind: 'line' | 'bar';
  readonly x: string;
  readonly y: readonly string[];
  /** If set, the chart has a separate line or bar for each value of this column. */
  readonly series?: string;
}

/** `POST /api/sql/downloads`: a result that waits at `/api/sql/downloads/{id}` for a short time. */
export interface SqlDownload {
  readonly id: string;
  readonly fileName: string;
}
