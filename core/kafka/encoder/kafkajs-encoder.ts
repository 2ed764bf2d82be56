import { createRequire } from 'node:module';
import type { Message } from 'kafkajs';
import { encodeRecordBatch } from './record-batch.ts';

/**
 * Modules of kafkajs 2.2.4, which package.json pins. Later versions of the produce request use the
 * module of version 3.
 */
const REQUEST = 'kafkajs/src/protocol/requests/produce/v3/request.js';
const ENCODER = 'kafkajs/src/protocol/encoder.js';

/** The bytes allocated for the fields around each batch. kafkajs allocates more if necessary. */
const FIELD_BYTES = 64;

interface PartitionData {
  readonly partition: number;
  readonly messages: readonly Message[];
  readonly firstSequence?: number;
}

interface ProduceRequest {
  readonly acks: number;
  readonly timeout: number;
  readonly compression?: number;
  readonly transactionalId?: string | null;
  /** A 64-bit integer of kafkajs, or its text. */
  readonly producerId?: { toString(): string };
  readonly producerEpoch?: number;
  readonly topicData: readonly { readonly topic: string; readonly partitions: readonly PartitionData[] }[];
}

interface KafkajsEncoder {
  writeString(text: string | null): KafkajsEncoder;
  writeInt16(value: number): KafkajsEncoder;
  writeInt32(value: number): KafkajsEncoder;
  writeBuffer(bytes: Buffer): KafkajsEncoder;
}

interface EncodedRequest {
  readonly encode: () => Promise<KafkajsEncoder>;
}

type CreateRequest = (request: ProduceRequest) => EncodedRequest;

let isReplaced = false;

/**
 * Makes kafkajs's producers encode uncompressed batches with {@link encodeRecordBatch}. kafkajs
 * allocates 512 bytes for each record and each header, computes times with BigInt, and copies each
 * batch four times. Call this before a producer first sends, when kafkajs loads its own encoder.
 * @throws Error (MODULE_NOT_FOUND) if this version of kafkajs lacks a module.
 */
export function replaceKafkajsEncoder(): void {
  if (isReplaced) return;
  const require = createRequire(import.meta.url);
  const Encoder = require(ENCODER) as new (bytes: number) => KafkajsEncoder;
  const original = require(REQUEST) as CreateRequest;
  const module = require.cache[require.resolve(REQUEST)];
  if (module === undefined) throw new Error(`${REQUEST} is not a module that can be replaced`);
  module.exports = requestOr(original, Encoder);
  isReplaced = true;
}

function requestOr(original: CreateRequest, Encoder: new (bytes: number) => KafkajsEncoder): CreateRequest {
  return (request) => {
    const created = original(request);
    const { acks, timeout, compression = 0, transactionalId = null, topicData } = request;
    if (compression !== 0) return created;
    const id = BigInt(String(request.producerId ?? -1));
    const { producerEpoch: epoch = 0 } = request;
    const encode = () => {
      const nowMs = Date.now();
      const topics = topicData.map(({ topic, partitions }) => {
        const encoded = partitions.map(({ partition, messages, firstSequence = 0 }) => {
          const producer = { id, epoch, firstSequence, isTransactional: Boolean(transactionalId) };
          return { partition, batch: encodeRecordBatch(messages, producer, nowMs) };
        });
        return { topic, encoded };
      });
      const batches = topics.flatMap(({ encoded }) => encoded);
      const bytes = batches.reduce((sum, { batch }) => sum + batch.length + FIELD_BYTES, FIELD_BYTES);
      const out = new Encoder(bytes).writeString(transactionalId).writeInt16(acks).writeInt32(timeout);
      out.writeInt32(topics.length);
      for (const { topic, encoded } of topics) {
        out.writeString(topic).writeInt32(encoded.length);
        for (const { partition, batch } of encoded)
          out.writeInt32(partition).writeInt32(batch.length).writeBuffer(batch);
      }
      return Promise.resolve(out);
    };
    return { ...created, encode };
  };
}
