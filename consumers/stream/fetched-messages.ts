import type { KafkaMessage } from 'kafkajs';
import { PackedBatch } from '../../core/kafka/decoder/packed-batch.ts';

/** Messages of one partition that were fetched together. */
export interface FetchedMessages {
  readonly partition: number;
  /** Some entries may be packed batches. */
  readonly messages: readonly KafkaMessage[];
  /** The offset of the fetch: earlier records of a packed batch are skipped. */
  readonly from?: bigint;
  /** The offset after the last message and after other records such as transaction markers. */
  readonly next: bigint;
  readonly end: bigint;
}

/** Returns the offset of the first message, if there is one. */
export function firstOffsetOf({ messages, from = 0n }: FetchedMessages): bigint | undefined {
  for (const message of messages) {
    if (!(message instanceof PackedBatch)) return BigInt(message.offset);
    const record = message.records();
    while (record.next()) if (record.offset >= from) return BigInt(record.offset);
  }
  return undefined;
}
