import type { Message } from 'kafkajs';
import { ByteWriter } from '../../avro/byte-writer.ts';
import { crc32c } from './crc32c.ts';

/** The producer that sends a batch. */
export interface BatchProducer {
  /** -1 for a producer that is not idempotent. */
  readonly id: bigint;
  readonly epoch: number;
  /** The sequence number of the first record. */
  readonly firstSequence: number;
  readonly isTransactional: boolean;
}

/** The format of record batches since Kafka 0.11 (KIP-98). */
const MAGIC = 2;
const TRANSACTIONAL = 16;
const HEADER_BYTES = 61;
const header = Buffer.alloc(HEADER_BYTES);

/** Positions in a batch. The checksum covers everything from the attributes to the end. */
const LENGTH_AT = 8;
const MAGIC_AT = 16;
const CHECKSUM_AT = 17;
const ATTRIBUTES_AT = 21;

/** Reused for each batch, because encoding is synchronous. */
const out = new ByteWriter();
/** The current record, whose length is written before it. */
const body = new ByteWriter();

/**
 * Returns the messages as one uncompressed record batch.
 * @param nowMs the time of messages without a timestamp.
 */
export function encodeRecordBatch(
  messages: readonly Message[],
  { id, epoch, firstSequence, isTransactional }: BatchProducer,
  nowMs: number,
): Buffer {
  const now = BigInt(nowMs);
  // Producers may set any 64-bit integer.
  const times = messages.map(({ timestamp }) => (timestamp === undefined ? now : BigInt(timestamp)));
  let [first, last] = [times[0] ?? now, times[0] ?? now];
  for (const time of times) {
    if (time < first) first = time;
    if (time > last) last = time;
  }
  out.truncate(0);
  out.bytes(header, 0, HEADER_BYTES);
  for (const [index, message] of messages.entries()) {
    const time = times[index] ?? now;
    encodeRecord(message, index, time === first ? 0 : BigInt.asIntN(64, time - first));
  }
  const batch = Buffer.from(out.view());
  batch.writeInt32BE(batch.length - LENGTH_AT - 4, LENGTH_AT);
  batch.writeInt8(MAGIC, MAGIC_AT);
  let at = batch.writeInt16BE(isTransactional ? TRANSACTIONAL : 0, ATTRIBUTES_AT);
  at = batch.writeInt32BE(messages.length - 1, at);
  at = batch.writeBigInt64BE(first, at);
  at = batch.writeBigInt64BE(last, at);
  at = batch.writeBigInt64BE(id, at);
  at = batch.writeInt16BE(epoch, at);
  at = batch.writeInt32BE(firstSequence, at);
  batch.writeInt32BE(messages.length, at);
  batch.writeUInt32BE(crc32c(batch, ATTRIBUTES_AT), CHECKSUM_AT);
  return batch;
}

type Bytes = string | Buffer | null | undefined;

function encodeRecord(
  { key, value, headers = {} }: Message,
  index: number,
  timeDelta: number | bigint,
): void {
  body.truncate(0);
  // The attributes, which Kafka does not use yet.
  body.byte(0);
  body.zigZag(timeDelta);
  body.zigZag(index);
  write(key);
  write(value);
  const names = Object.keys(headers);
  let count = 0;
  for (const name of names) count += Array.isArray(headers[name]) ? headers[name].length : 1;
  body.zigZag(count);
  for (const name of names) {
    const values = headers[name];
    for (const one of Array.isArray(values) ? values : [values]) {
      body.avroString(name);
      write(one);
    }
  }
  out.zigZag(body.length);
  body.appendTo(out);
}

/** Writes a length and its bytes, or a length of -1 for null. */
function write(value: Bytes): void {
  if (value === undefined || value === null) body.zigZag(-1);
  else if (typeof value === 'string') body.avroString(value);
  else {
    body.zigZag(value.length);
    body.bytes(value, 0, value.length);
  }
}
