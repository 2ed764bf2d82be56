/**
 * Headers of a message on the dead-letter topic. Its value is the rejected value, byte for byte
 * unless it was truncated.
 */
export const deadLetterHeaders = {
  stream: 'stream',
  /** `produce`: a source record, as JSON. `sink`: a Kafka message, with the bytes of its value. */
  step: 'step',
  /** Code of the error, such as `ETL_FROZEN_SCHEMA`. */
  code: 'code',
  /** The reason, as text for users. It names fields, never values. */
  reason: 'reason',
  /**
   * Key of the rejected message, or the key that the record would have had; absent if there is
   * none.
   */
  key: 'key',
  /** List and number of the page that contained the record. */
  page: 'page',
  /** Hash of the record, 8 bytes. */
  hash: 'hash',
  /** Topic, partition and offset of the rejected message. */
  topic: 'topic',
  partition: 'partition',
  offset: 'offset',
  /** Timestamp of the rejected message in ms. */
  timestamp: 'timestamp',
  /** Schema id in the value of the message, if it is framed. */
  schemaId: 'schema-id',
  /** Original length in bytes of a value that was truncated to fit into the topic. */
  truncated: 'truncated',
  /** Original length in bytes of a key that was truncated. */
  keyTruncated: 'key-truncated',
} as const;

/**
 * Headers that a redrive or a discard adds when it sends the dead letter again with the same key.
 */
export const deadLetterMarks = {
  /** `redriven` or `discarded`. Any other value, or none, means waiting. */
  state: 'state',
  /** Number of redrives that failed. */
  attempts: 'attempts',
  /** Time of the redrive in ms. */
  redrivenAt: 'redriven-at',
  /** Time of the rejection in ms. The message's own timestamp is that of its last mark. */
  rejectedAt: 'set-aside-at',
  /** Time of the discard in ms, and the reason the user gave. */
  discardedAt: 'discarded-at',
  discardReason: 'discard-reason',
} as const;

/** `redriven`: the rejected record or row is in place. `discarded`: a user has abandoned it. */
export type DeadLetterState = 'waiting' | 'redriven' | 'discarded';

export function deadLetterState(headers: Readonly<Record<string, unknown>> | undefined): DeadLetterState {
  const header = headers?.[deadLetterMarks.state];
  const state = Buffer.isBuffer(header) ? header.toString('utf8') : '';
  return state === 'redriven' || state === 'discarded' ? state : 'waiting';
}
