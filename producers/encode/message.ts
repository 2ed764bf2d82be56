export interface Message {
  readonly key: string;
  /** Framed Avro, or null for a delete. */
  readonly value: Buffer | null;
  readonly headers?: Readonly<Record<string, string | Buffer>>;
}

/** Names of the headers of a stream's messages. */
export const messageHeaders = {
  /** The hash of the source record, 8 bytes. */
  hash: 'hash',
  /** Key of the parent whose list had the record. */
  parent: 'parent',
  /** On a tombstone: the key of the record that this one was merged into. */
  mergedInto: 'merged-into',
} as const;

/** Returns the size of a message without Kafka's framing. */
export function bytesOf({ key, value, headers }: Message): number {
  let bytes = Buffer.byteLength(key) + (value?.length ?? 0);
  for (const header of Object.values(headers ?? {})) bytes += Buffer.byteLength(header);
  return bytes;
}

/** Size of a record batch without records. */
export const EMPTY_BATCH_BYTES = 61;

/** Returns the maximum size in a record batch: lengths, times and offsets use five or ten bytes. */
export function recordBytes(message: Message): number {
  const names = Object.keys(message.headers ?? {});
  const ofNames = names.reduce((bytes, name) => bytes + 2 * 5 + Buffer.byteLength(name), 0);
  return 5 + 1 + 10 + 5 + 3 * 5 + bytesOf(message) + ofNames;
}

export interface TopicMessages {
  readonly topic: string;
  readonly messages: readonly Message[];
}
