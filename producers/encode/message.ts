export interface Message {
  readonly key: string;
  /** Null for a tombstone. */
  readonly value: Buffer | null;
  readonly headers?: Readonly<Record<string, string | Buffer>>;
}

/** Names of the headers of a stream's messages. */
export const messageHeaders = {
  /** The hash of the source record, 8 bytes. */
  hash: 'hash',
  /**
   * The hash of the JSON text that the record was read from, 8 bytes, if the entire record was
   * sent.
   */
  textHash: 'text-hash',
  /** The key of the record's parent. */
  parent: 'parent',
  /** On a tombstone, the key of the record that the deleted record was merged into. */
  mergedInto: 'merged-into',
} as const;

/** Returns the total size of the key, the value and the header values. */
export function bytesOf({ key, value, headers }: Message): number {
  let bytes = Buffer.byteLength(key) + (value?.length ?? 0);
  for (const name in headers) bytes += sizeOf(headers[name]);
  return bytes;
}

function sizeOf(value: string | Buffer | undefined): number {
  return typeof value === 'string' ? Buffer.byteLength(value) : (value?.length ?? 0);
}

/** Size of a record batch without records. */
export const EMPTY_BATCH_BYTES = 61;

/**
 * Returns the maximum size of a message in a record batch, where lengths, times and offsets use up
 * to five or ten bytes each.
 */
export function recordBytes(message: Message): number {
  let bytes = 5 + 1 + 10 + 5 + 3 * 5 + bytesOf(message);
  for (const name in message.headers) bytes += 2 * 5 + Buffer.byteLength(name);
  return bytes;
}

export interface TopicMessages {
  readonly topic: string;
  readonly messages: readonly Message[];
}
