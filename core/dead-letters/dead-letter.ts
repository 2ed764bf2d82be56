/** Headers of a message on the topic of dead letters. Its value is what was set aside, byte for byte. */
export const deadLetterHeaders = {
  stream: 'stream',
  /** `produce`: a record of the source, as JSON. `sink`: a message, with the bytes of its value. */
  step: 'step',
  /** Code of the error, such as `ETL_FROZEN_SCHEMA`. */
  code: 'code',
  /** Why, for people; it names fields, never values. */
  reason: 'reason',
  /** The key that its message would have had; absent where none could be told. */
  key: 'key',
  /** List and number of the page that the record stood on. */
  page: 'page',
  /** The hash of the record, 8 bytes. */
  hash: 'hash',
  /** Where the message stands. */
  topic: 'topic',
  partition: 'partition',
  offset: 'offset',
  /** Its time in ms. */
  timestamp: 'timestamp',
  /** Id of its schema, where its bytes name one. */
  schemaId: 'schema-id',
  /** How many bytes its value has, where the letter holds only the first of them: all would be too much for Kafka. */
  truncated: 'truncated',
  /** The same of its key. */
  keyTruncated: 'key-truncated',
} as const;
