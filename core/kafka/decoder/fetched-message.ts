import type { IHeaders } from 'kafkajs';
import { UnreadableBatchError } from '../../errors.ts';
import { RecordReader } from './record-reader.ts';

/** Fields that the messages of a record batch share. */
export interface BatchContext {
  readonly firstOffset: bigint;
  readonly firstTimestamp: bigint;
  /**
   * In ms: the time of all messages if the broker's clock sets it, otherwise the highest time of a
   * message.
   */
  readonly maxTimestamp: string;
  readonly isLogAppendTime: boolean;
  readonly isControlBatch: boolean;
  readonly inTransaction: boolean;
  readonly producerId: string;
}

/** A message as kafkajs's consumer expects it from the decoder. */
export interface Fetched {
  readonly offset: string;
  /** Milliseconds since 1970. */
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: IHeaders;
  /** Unused by Kafka. */
  readonly attributes: number;
  /** True for transaction markers and for marks in place of removed messages, which are skipped. */
  readonly isControlRecord: boolean;
  /** Whether this is a mark that replaces messages of an aborted transaction. */
  readonly isAborted?: boolean;
  readonly batchContext: BatchContext;
}

/** Decodes headers on access, because the sink never reads them. */
export class FetchedMessage implements Fetched {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly attributes: number;
  readonly isControlRecord: boolean;
  readonly batchContext: BatchContext;
  readonly #bytes: Buffer;
  readonly #headersAt: number;
  readonly #end: number;

  /** @throws UnreadableBatchError */
  constructor(reader: RecordReader, context: BatchContext) {
    reader.nextRecord();
    this.attributes = reader.byte();
    const timestampDelta = reader.varlong();
    this.timestamp = context.isLogAppendTime
      ? context.maxTimestamp
      : // Wraps around as in Kafka: the times of a batch may be further apart than 64 bits can express.
        String(BigInt.asIntN(64, context.firstTimestamp + timestampDelta));
    this.offset = String(Number(context.firstOffset) + reader.varint());
    this.key = reader.sizedBytes();
    this.value = reader.sizedBytes();
    this.isControlRecord = context.isControlBatch;
    this.batchContext = context;
    this.#bytes = reader.bytes;
    this.#headersAt = reader.at;
    this.#end = reader.end;
  }

  /**
   * Returns the headers by name, as an array if a name occurs several times.
   * @throws UnreadableBatchError
   */
  get headers(): IHeaders {
    const reader = new RecordReader(this.#bytes, this.batchContext.firstOffset, this.#headersAt, this.#end);
    const headers = new Map<string, Buffer | Buffer[]>();
    const count = reader.varint();
    for (let index = 0; index < count; index++) {
      const name = reader.sizedBytes()?.toString('utf8') ?? '';
      const value = reader.sizedBytes() as Buffer;
      const earlier = headers.get(name);
      if (Array.isArray(earlier)) earlier.push(value);
      else headers.set(name, earlier === undefined ? value : [earlier, value]);
    }
    return Object.fromEntries(headers);
  }
}

/**
 * Replaces an unreadable batch. Only access to value or headers throws, so only this topic stops.
 */
export class UnreadableMessage implements Fetched {
  /** The offset of the batch's last message. Readers resume after it. */
  readonly offset: string;
  readonly timestamp: string;
  /** Does not throw, because kafkajs reads every key. */
  readonly key = null;
  readonly attributes = 0;
  readonly isControlRecord = false;
  readonly batchContext: BatchContext;
  readonly error: UnreadableBatchError;

  constructor(offset: string, batchContext: BatchContext, error: UnreadableBatchError) {
    this.offset = offset;
    this.timestamp = batchContext.maxTimestamp;
    this.batchContext = batchContext;
    this.error = error;
  }

  get value(): never {
    throw this.error;
  }

  get headers(): never {
    throw this.error;
  }
}

/** @throws UnreadableBatchError if the fetched messages replace a batch that cannot be read. */
export function assertReadable(topic: string, partition: number, messages: readonly object[]): void {
  const [first] = messages;
  if (first instanceof UnreadableMessage)
    throw new UnreadableBatchError(`topic ${topic}, partition ${partition}: ${first.error.message}`);
}

/** Returns whether the message has a batch context, which formats before Kafka 0.11 lack. */
export function hasContext(message: Fetched): boolean {
  return 'batchContext' in message;
}

/**
 * Returns a mark in place of removed messages: kafkajs moves past an offset only if it receives a
 * message.
 */
export function compactedAway(offset: string, batchContext: BatchContext): Fetched {
  return {
    offset,
    timestamp: batchContext.maxTimestamp,
    key: null,
    value: null,
    headers: {},
    attributes: 0,
    isControlRecord: true,
    batchContext,
  };
}
