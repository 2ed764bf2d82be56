/** A record as it goes onto a topic. */
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
  /** Key of the parent whose list the record stood in. */
  parent: 'parent',
  /** On a delete: the key of the record that took this one over. */
  mergedInto: 'merged-into',
} as const;

/** Bytes of a message on its way, without Kafka's own framing. */
export function bytesOf({ key, value, headers }: Message): number {
  let bytes = Buffer.byteLength(key) + (value?.length ?? 0);
  for (const header of Object.values(headers ?? {})) bytes += Buffer.byteLength(header);
  return bytes;
}

/** Of a record batch without records. */
export const EMPTY_BATCH_BYTES = 61;

/** Bytes of a message in a record batch, at most: lengths, times and offsets take five or ten bytes each. */
export function recordBytes(message: Message): number {
  const names = Object.keys(message.headers ?? {});
  const ofNames = names.reduce((bytes, name) => bytes + 2 * 5 + Buffer.byteLength(name), 0);
  return 5 + 1 + 10 + 5 + 3 * 5 + bytesOf(message) + ofNames;
}

export interface TopicMessages {
  readonly topic: string;
  readonly messages: readonly Message[];
}
