import type { IHeaders } from 'kafkajs';
import { UnreadableBatchError } from '../../errors.ts';
import { RecordReader } from './record-reader.ts';

/** What the messages of a record batch have in common. */
export interface BatchContext {
  readonly firstOffset: bigint;
  readonly firstTimestamp: bigint;
  /** In ms: of all messages when the broker's clock tells it, else of the latest. */
  readonly maxTimestamp: string;
  readonly isLogAppendTime: boolean;
  readonly isControlBatch: boolean;
  /** These two tell kafkajs what a transaction that was aborted has left behind. */
  readonly inTransaction: boolean;
  readonly producerId: string;
}

/** What the consumer of kafkajs makes its batches of. */
export interface Fetched {
  readonly offset: string;
  /** Kafka's time in ms. */
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: IHeaders;
  /** Unused by Kafka. */
  readonly attributes: number;
  /** True of marks, which count as read and are handed to nobody. */
  readonly isControlRecord: boolean;
  readonly batchContext: BatchContext;
}

/**
 * One message of a record batch. Its headers are read when somebody asks for them, since a sink never does, and they cost more than all
 * the rest. So a copy by spread lacks them.
 */
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
      : String(context.firstTimestamp + timestampDelta);
    this.offset = String(Number(context.firstOffset) + reader.varint());
    this.key = reader.sizedBytes();
    this.value = reader.sizedBytes();
    this.isControlRecord = context.isControlBatch;
    this.batchContext = context;
    this.#bytes = reader.bytes;
    this.#headersAt = reader.at;
    this.#end = reader.end;
  }

  /** By name; several of one name as an array. @throws UnreadableBatchError */
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
 * Stands for a batch that cannot be read: whoever looks at its value or headers is told so by an error, and nobody else. So one topic
 * stops, and not the consumer of all.
 */
export class UnreadableMessage implements Fetched {
  /** Of the batch's last message: behind it whoever reads goes on. */
  readonly offset: string;
  readonly timestamp: string;
  /** At every key kafkajs looks itself. */
  readonly key = null;
  readonly attributes = 0;
  readonly isControlRecord = false;
  readonly batchContext: BatchContext;
  readonly #error: UnreadableBatchError;

  constructor(offset: string, batchContext: BatchContext, error: UnreadableBatchError) {
    this.offset = offset;
    this.timestamp = batchContext.maxTimestamp;
    this.batchContext = batchContext;
    this.#error = error;
  }

  get reason(): string {
    return this.#error.message;
  }

  /** @throws UnreadableBatchError */
  get value(): never {
    throw this.#error;
  }

  /** @throws UnreadableBatchError */
  get headers(): never {
    throw this.#error;
  }
}

/** @throws UnreadableBatchError where messages that were fetched together stand for a batch that cannot be read. */
export function assertReadable(topic: string, partition: number, messages: readonly object[]): void {
  const [first] = messages;
  if (first instanceof UnreadableMessage)
    throw new UnreadableBatchError(`topic ${topic}, partition ${partition}: ${first.reason}`);
}

/** Stands for messages that compaction has taken from the end of a batch: kafkajs counts as read what it is given. */
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
