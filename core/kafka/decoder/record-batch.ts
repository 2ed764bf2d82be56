import kafkajs from 'kafkajs';
import { messageOf, UnreadableBatchError } from '../../errors.ts';
import { registerCodecs } from './codecs.ts';
import { compactedAway, UnreadableMessage, type BatchContext, type Fetched } from './fetched-message.ts';
import { PackedBatch } from './packed-batch.ts';
import { unreadableBatch } from './record-reader.ts';

/** The batch format since Kafka 0.11, and the position of the format in a batch. */
export const MAGIC = 2;
export const MAGIC_AT = 16;

/** The size of a batch's offset and length fields, which the length itself does not count. */
export const LOG_OVERHEAD = 12;
export const HEADER_BYTES = 61;

/** Once a fetch response uses more memory than this, its remaining batches are fetched again. */
const ENOUGH_BYTES = 32 * 1024 * 1024;
/** The memory of a message without its bytes, for readers that create messages from a batch. */
const MESSAGE_BYTES = 400;

const COMPRESSION = 0x07;
const UNCOMPRESSED = 0;
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

registerCodecs();

/** The remaining memory for all partitions of one fetch response. */
export class FetchBudget {
  bytes = ENOUGH_BYTES;
}

/**
 * Returns the batches before the first unreadable one or, if there are none, an
 * {@link UnreadableMessage} in its place: an error would make kafkajs stop the entire consumer.
 * @throws UnreadableBatchError if even the end of the batch is unknown.
 */
export async function decodeFetched(bytes: Buffer, budget?: FetchBudget): Promise<Fetched[]> {
  const batches: Fetched[] = [];
  try {
    await decodeRecordBatches(bytes, batches, budget);
  } catch (error) {
    if (!(error instanceof UnreadableBatchError)) throw error;
    if (batches.length > 0) return batches;
    const offset = lastOffsetOf(bytes);
    if (offset < bytes.readBigInt64BE(0)) throw error;
    batches.push(new UnreadableMessage(String(offset), contextOf(bytes), error));
  }
  return batches;
}

/**
 * Decodes one partition of a fetch response: https://kafka.apache.org/documentation/#recordbatch.
 * Like kafkajs, it does not verify checksums. Omits a batch that the response cuts off, and all
 * batches after the budget is spent. Readers move past a batch even if compaction removed its last
 * messages. If it removed all, a mark replaces them.
 * @param bytes record batches. Those from the first one that is not in format {@link MAGIC} are
 *   ignored.
 * @param batches receives a {@link PackedBatch} for each batch, or the messages of a control batch.
 * @throws UnreadableBatchError if a batch is malformed, too large when decompressed, or uses a
 *   compression without a codec.
 */
export async function decodeRecordBatches(
  bytes: Buffer,
  batches: Fetched[] = [],
  budget = new FetchBudget(),
): Promise<Fetched[]> {
  let at = 0;
  while (at + HEADER_BYTES <= bytes.length && bytes[at + MAGIC_AT] === MAGIC) {
    const end = at + LOG_OVERHEAD + bytes.readInt32BE(at + 8);
    if (end < at + HEADER_BYTES)
      throw unreadableBatch(bytes.readBigInt64BE(at), 'it is shorter than its header');
    if (end > bytes.length || budget.bytes < 0) break;
    budget.bytes -= await decodeBatch(bytes.subarray(at, end), batches);
    at = end;
  }
  return batches;
}

/** Returns the memory that the batch and its messages use in addition to the response. */
async function decodeBatch(batch: Buffer, batches: Fetched[]): Promise<number> {
  const context = contextOf(batch);
  const lastOffset = lastOffsetOf(batch);
  const count = batch.readInt32BE(57);
  if (count === 0 && batch.length === HEADER_BYTES) {
    batches.push(compactedAway(String(lastOffset), context));
    return MESSAGE_BYTES;
  }
  const isCompressed = (attributesOf(batch) & COMPRESSION) !== UNCOMPRESSED;
  const records = await decompressed(batch, context);
  const packed = new PackedBatch(records, count, lastOffset, context);
  if (context.isControlBatch) {
    // kafkajs reads the keys of transaction markers.
    const messages = [...packed.messages()];
    batches.push(...messages);
    const { offset } = packed;
    if (messages.at(-1)?.offset !== offset) batches.push(compactedAway(offset, context));
  } else batches.push(packed);
  return count * MESSAGE_BYTES + (isCompressed ? records.length : 0);
}

function attributesOf(batch: Buffer): number {
  return batch.readInt16BE(21);
}

export function lastOffsetOf(batch: Buffer): bigint {
  return batch.readBigInt64BE(0) + BigInt(batch.readInt32BE(23));
}

export function contextOf(batch: Buffer): BatchContext {
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
