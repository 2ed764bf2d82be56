/** `GET /api/streams/NAME/messages?by=newest|key|time|offset…` */
export interface MessageAnswer {
  readonly topic: string;
  readonly order: 'newest first' | 'oldest first';
  readonly messages: readonly MessageLine[];
  readonly partitions: readonly SearchedPartition[];
  /** The number of messages that were read to find these. */
  readonly scanned: number;
  /** The cursor for the remaining messages; undefined if there are none. */
  readonly next: string | undefined;
  /**
   * The reason why the requested offset has no message; undefined if it has one, or if the search
   * does not start at an offset.
   */
  readonly gap: 'marker' | 'aborted' | 'compacted' | 'before the start' | undefined;
}

export interface SearchedPartition {
  readonly partition: number;
  readonly start: number;
  readonly end: number;
  /** The offsets that were searched: from `from`, inclusive, to `to`, exclusive. */
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
