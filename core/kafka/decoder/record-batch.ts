import kafkajs from 'kafkajs';
import { messageOf, UnreadableBatchError } from '../../errors.ts';
import { registerCodecs } from './codecs.ts';
import {
  compactedAway,
  FetchedMessage,
  UnreadableMessage,
  type BatchContext,
  type Fetched,
} from './fetched-message.ts';
import { RecordReader, unreadableBatch } from './record-reader.ts';

/** The batch format since Kafka 0.11, and the position of the format in a batch. */
export const MAGIC = 2;
export const MAGIC_AT = 16;

/** Bytes of a batch's offset and length, which the length does not count. */
export const LOG_OVERHEAD = 12;
export const HEADER_BYTES = 61;

/** The most records of a batch. No real batch has more, and more objects would fill the memory. */
const MAX_RECORDS = 1_000_000;
const tooManyRecords = `it has more than ${MAX_RECORDS.toLocaleString('en-US')} records`;
/** The memory of one fetch response. The rest is fetched again. */
const ENOUGH_BYTES = 32 * 1024 * 1024;
/** The memory of a message without its bytes. */
const MESSAGE_BYTES = 400;

const COMPRESSION = 0x07;
const UNCOMPRESSED = 0;
const LOG_APPEND_TIME = 0x08;
export const TRANSACTIONAL = 0x10;
export const CONTROL = 0x20;

registerCodecs();

/** The remaining memory for all partitions of one fetch response. */
export class FetchBudget {
  bytes = ENOUGH_BYTES;
}

/**
 * Returns the messages before the first unreadable batch or, if there are none, an
 * {@link UnreadableMessage} in its place: an error would make kafkajs stop the whole consumer.
 * @throws UnreadableBatchError if even the end of the batch is unknown.
 */
export async function decodeFetched(bytes: Buffer, budget?: FetchBudget): Promise<Fetched[]> {
  const messages: Fetched[] = [];
  try {
    await decodeRecordBatches(bytes, messages, budget);
  } catch (error) {
    if (!(error instanceof UnreadableBatchError)) throw error;
    if (messages.length > 0) return messages;
    const offset = lastOffsetOf(bytes);
    if (offset < bytes.readBigInt64BE(0)) throw error;
    return [new UnreadableMessage(String(offset), contextOf(bytes), error)];
  }
  return messages;
}

/**
 * Decodes one partition of a fetch response: https://kafka.apache.org/documentation/#recordbatch.
 * Like kafkajs, it does not verify checksums. Omits a batch that the response cuts off, and all
 * batches after the budget is spent. If compaction removed the last messages of a batch, or all, a
 * mark replaces them, so that the reader gets past them.
 * @param bytes record batches, up to the first of another format than {@link MAGIC}.
 * @param messages gets the messages; of each batch all or none.
 * @throws UnreadableBatchError if a batch is malformed, too large when decompressed, or has a
 *   compression without a codec.
 */
export async function decodeRecordBatches(
  bytes: Buffer,
  messages: Fetched[] = [],
  budget = new FetchBudget(),
): Promise<Fetched[]> {
  let at = 0;
  while (at + HEADER_BYTES <= bytes.length && bytes[at + MAGIC_AT] === MAGIC) {
    const end = at + LOG_OVERHEAD + bytes.readInt32BE(at + 8);
    if (end < at + HEADER_BYTES)
      throw unreadableBatch(bytes.readBigInt64BE(at), 'it is shorter than its header');
    if (end > bytes.length || budget.bytes < 0) break;
    const before = messages.length;
    try {
      const decompressedBytes = await decodeBatch(bytes.subarray(at, end), messages);
      budget.bytes -= decompressedBytes + (messages.length - before) * MESSAGE_BYTES;
    } catch (error) {
      messages.length = before;
      throw error;
    }
    at = end;
  }
  return messages;
}

/** Returns how many bytes were decompressed. */
async function decodeBatch(batch: Buffer, messages: Fetched[]): Promise<number> {
  const context = contextOf(batch);
  const lastOffset = lastOffsetOf(batch);
  const count = batch.readInt32BE(57);
  let reached: bigint | undefined;
  let decompressedBytes = 0;
  if (count !== 0 || batch.length > HEADER_BYTES) {
    const records = await decompressed(batch, context);
    if ((attributesOf(batch) & COMPRESSION) !== UNCOMPRESSED) decompressedBytes = records.length;
    const reader = new RecordReader(records, context.firstOffset);
    for (let index = 0; index < count; index++) {
      if (index === MAX_RECORDS) throw unreadableBatch(context.firstOffset, tooManyRecords);
      messages.push(new FetchedMessage(reader, context));
    }
    if (count <= 0 || reader.end < reader.bytes.length)
      throw unreadableBatch(context.firstOffset, 'its number of records differs from the declared number');
    reached = BigInt(messages.at(-1)?.offset ?? 0);
  }
  // A reader that resumes from the batch's end would go back and read the same records forever.
  if (reached !== undefined && reached > lastOffset)
    throw unreadableBatch(context.firstOffset, 'it has records beyond its end');
  if (reached !== lastOffset) messages.push(compactedAway(String(lastOffset), context));
  return decompressedBytes;
}

export function attributesOf(batch: Buffer): number {
  return batch.readInt16BE(21);
}

export function lastOffsetOf(batch: Buffer): bigint {
  return batch.readBigInt64BE(0) + BigInt(batch.readInt32BE(23));
}

function contextOf(batch: Buffer): BatchContext {
  const attributes = attributesOf(batch);
  return {
    firstOffset: batch.readBigInt64BE(0),
    firstTimestamp: batch.readBigInt64BE(27),
    maxTimestamp: String(batch.readBigInt64BE(35)),
    isLogAppendTime: (attributes & LOG_APPEND_TIME) !== 0,
    isControlBatch: (attributes & CONTROL) !== 0,
    inTransaction: (attributes & TRANSACTIONAL) !== 0,
    producerId: String(batch.readBigInt64BE(43)),
  };
}

export async function decompressed(
  batch: Buffer,
  { firstOffset }: Pick<BatchContext, 'firstOffset'>,
): Promise<Buffer> {
  const bytes = batch.subarray(HEADER_BYTES);
  const type = attributesOf(batch) & COMPRESSION;
  if (type === UNCOMPRESSED) return bytes;
  type CreateCodec = () => { decompress(bytes: Buffer): Promise<Buffer> };
  const codecs = kafkajs.CompressionCodecs as Readonly<Record<number, CreateCodec | undefined>>;
  try {
    const createCodec = codecs[type];
    if (createCodec === undefined) throw new Error('Kafka has no such codec');
    return await createCodec().decompress(bytes);
  } catch (error) {
    throw unreadableBatch(firstOffset, `its compression is ${nameOf(type)}: ${messageOf(error)}`);
  }
}

function nameOf(type: number): string {
  const [name] = Object.entries(kafkajs.CompressionTypes).find(([, known]) => Number(known) === type) ?? [];
  return name ?? String(type);
}
