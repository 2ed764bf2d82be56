/** Positions of the newest rows that a table has from one partition of one topic. */
export interface PartitionRows {
  readonly partition: number;
  /** Kafka's topic id, see `TopicDescription`; 0 for rows without one. */
  readonly topicId: bigint;
  /** Position of the row with the highest `_version`. */
  readonly newest: MessagePosition;
  /** Position of the row with the highest `_offset`. */
  readonly highest: MessagePosition;
}

/** The newest rows of every partition of the current topic and of earlier topics with its name. */
export type TableRows = readonly PartitionRows[];

export interface MessagePosition {
  readonly offset: bigint;
  /** The Kafka timestamp of the message, in ms. */
  readonly timeMs: bigint;
}
