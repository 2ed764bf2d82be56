// The JSON of the page of a stream; see api.ts.

/** `GET /api/streams/NAME` */
export interface StreamAnswer {
  readonly atMs: number;
  readonly subject: string;
  readonly view: string;
  readonly stream: {
    readonly stream: string;
    readonly topic:
      { readonly name: string; readonly partitions: readonly PartitionLine[] } | null | undefined;
    readonly table: { readonly name: string; readonly rows: number } | null | undefined;
    readonly lag: number | null | undefined;
    readonly lastRun: StreamLastRun | null | undefined;
    readonly checkpoint: StreamCheckpoint | null | undefined;
    readonly deadLetters: number | undefined;
    readonly problems: readonly string[];
  };
  readonly warnings: readonly { readonly about: string; readonly message: string }[];
  /** One line per service that does not answer. */
  readonly failures: readonly string[];
}

export interface StreamLastRun {
  readonly run: string;
  readonly outcome: 'done' | 'failed' | 'stopped' | 'absent';
  readonly finishedAtMs: number;
  readonly failure: string | undefined;
}

export interface StreamCheckpoint {
  readonly run: string;
  readonly startedAtMs: number;
  readonly isComplete: boolean;
  readonly pages: number;
  readonly records: number;
}

export interface PartitionLine {
  readonly partition: number;
  readonly start: number;
  readonly end: number;
  readonly committed?: number | undefined;
  readonly lag: number | undefined;
}

/** `GET /api/streams/NAME/schemas`: oldest first. */
export interface SchemaList {
  readonly versions: readonly SchemaLine[];
}

export interface SchemaLine {
  readonly version: number;
  readonly id: number;
  readonly type: string;
  readonly fields: number;
  /** Differences from the version before. */
  readonly changes: number | undefined;
}

/** `GET /api/streams/NAME/schemas/compare?from=1&to=2` */
export interface SchemaComparison {
  readonly from: SchemaLine;
  readonly to: SchemaLine;
  readonly changes: readonly SchemaChange[];
}

export type SchemaChange =
  | {
      readonly kind: 'added' | 'removed';
      readonly path: string;
      readonly field: { readonly type: string; readonly default: string | undefined; readonly doc: string };
    }
  | {
      readonly kind: 'changed';
      /** Empty for the schema as a whole. */
      readonly path: string;
      readonly property: string;
      readonly from: string | null;
      readonly to: string | null;
    };

/** `GET /api/streams/NAME/columns` */
export interface ColumnList {
  readonly name: string;
  readonly columns: readonly ColumnLine[];
}

export interface ColumnLine {
  readonly name: string;
  readonly type: string;
  readonly comment: string;
  /** The field that fills it: its type, the first and the latest version that have it. */
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

/** `GET /api/streams/NAME/messages?by=newest|key|time|offset…` */
export interface MessageAnswer {
  readonly topic: string;
  readonly order: 'newest first' | 'oldest first';
  readonly messages: readonly MessageLine[];
  readonly partitions: readonly SearchedPartition[];
  /** How many messages were read to find these. */
  readonly scanned: number;
  /** The cursor of the rest. */
  readonly next: string | undefined;
  /** Why the requested offset has no message. */
  readonly gap: 'marker' | 'aborted' | 'compacted' | 'before the start' | undefined;
}

export interface SearchedPartition {
  readonly partition: number;
  readonly start: number;
  readonly end: number;
  /** The offsets that were searched: from `from` to below `to`. */
  readonly from: number;
  readonly to: number;
}

/** Bytes as text, or as hexadecimal digits. */
export interface ShownBytes {
  readonly text: string;
  readonly isHex: boolean;
  readonly isCut: boolean;
}

export interface MessageLine {
  readonly partition: number;
  readonly offset: number;
  readonly timeMs: number;
  readonly key: ShownBytes | null;
  readonly headers: readonly { readonly name: string; readonly value: ShownBytes }[];
  readonly bytes: number;
  readonly isTombstone: boolean;
  readonly schemaId: number | null;
  readonly record: { readonly text: string; readonly isCut: boolean } | null;
  readonly undecoded: { readonly why: string; readonly value: ShownBytes } | null;
}
