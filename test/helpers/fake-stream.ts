import { setImmediate as immediate } from 'node:timers/promises';
import type { KafkaMessage } from 'kafkajs';
import pLimit from 'p-limit';
import { SinkCounts } from '../../consumers/report/sink-counts.ts';
import { BatchInserter } from '../../consumers/stream/batch-inserter.ts';
import { RowBuffers } from '../../consumers/stream/row-buffers.ts';
import type { BatchLimits } from '../../consumers/stream/batch-filler.ts';
import { StreamSink } from '../../consumers/stream/stream-sink.ts';
import type { StreamSchemas } from '../../consumers/stream/stream-schemas.ts';
import { PositionFinder, type ResumeEvidence } from '../../consumers/stream/positions.ts';
import { TopicPartitions, type TopicControl } from '../../consumers/stream/topic-partitions.ts';
import type { TableRows } from '../../consumers/table/partition-rows.ts';
import type { InsertedRows } from '../../consumers/table/insert-rows.ts';
import type { RowsOutcome, StorageTable } from '../../consumers/table/storage-table.ts';
import type { TableColumn } from '../../consumers/table/table-shape.ts';
import type { RowBuffer } from '../../consumers/transcode/row-buffer.ts';
import { DecodeError } from '../../core/errors.ts';
import { CaughtUp } from '../../core/kafka/caught-up.ts';
import type { CommittedOffset, KafkaAdmin } from '../../core/kafka/admin.ts';
import { serviceRetry } from '../../core/retry.ts';

export const TOPIC = 't.plans';
export const TOPIC_ID = 7n;
export const SCHEMA_ID = 1;
const POISON = 255;
const TIME_MS = 1_700_000_000_000n;

/** The requests that a stream's sink sends to services, by the method that sends them. */
type Request =
  | 'committed'
  | 'deadLetters'
  | 'insert'
  | 'lastBlock'
  | 'learn'
  | 'learnLatest'
  | 'partitionRows'
  | 'readIdentity'
  | 'topic';

/** A response that the test can send at any time. */
export interface HeldAnswer {
  readonly isAsked: boolean;
  answer(): Promise<void>;
  fail(error: Error): Promise<void>;
}

interface Held {
  readonly asked: () => void;
  readonly answered: Promise<void>;
}

export interface FakeStreamOptions {
  readonly partitionCount?: number;
  readonly limits?: Partial<BatchLimits>;
  readonly floors?: ReadonlyMap<number, bigint>;
  readonly caughtUp?: CaughtUp;
}

/** Creates a promise with its callbacks, since Node 20 has no `Promise.withResolvers`. */
function deferred(): { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } {
  let resolve = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** Waits until every step that depends only on resolved promises has run. */
export async function settle(): Promise<void> {
  for (let round = 0; round < 3; round++) await immediate();
}

/** Returns a message whose value is framed with this schema id. */
export function message(offset: number, schemaId = SCHEMA_ID): KafkaMessage {
  const value = Buffer.alloc(6, 1);
  value.writeUInt8(0, 0);
  value.writeUInt32BE(schemaId, 1);
  return {
    key: Buffer.from(`k${offset}`),
    value,
    timestamp: String(TIME_MS + BigInt(offset)),
    attributes: 0,
    headers: {},
    offset: String(offset),
  };
}

/** Returns a message that cannot become a row. */
export function poison(offset: number): KafkaMessage {
  const found = message(offset);
  found.value?.writeUInt8(POISON, 5);
  return found;
}

/**
 * Returns what the table reports about a partition whose newest and highest row has this offset.
 */
export function rowsUpTo(partition: number, offset: number, topicId = TOPIC_ID): TableRows[number] {
  const position = { offset: BigInt(offset), timeMs: TIME_MS + BigInt(offset) };
  return { partition, topicId, newest: position, highest: position };
}

/**
 * A real StreamSink with real TopicPartitions, BatchInserter and RowBuffers. The table, registry,
 * topic and consumer are in memory. The response to each `Request` can be held back.
 */
export class FakeStream {
  /** Calls to the consumer, in order: `pause`, `resume`, `seek <partition>@<offset>`. */
  readonly consumerCalls: string[] = [];
  readonly commits: (readonly [number, CommittedOffset])[] = [];
  /** The rows of each insert, as `<partition>:<first>-<last>`. */
  readonly inserts: string[] = [];
  readonly deadLetters: string[] = [];
  /** Requests in order. */
  readonly requests: Request[] = [];
  readonly knownSchemas = new Set([SCHEMA_ID]);
  /** The outcomes of the next inserts; `inserted` when empty. */
  readonly outcomes: RowsOutcome[] = [];
  readonly counts = new SinkCounts('plans', 'plans_raw');
  readonly buffers = new RowBuffers();
  readonly caughtUp: CaughtUp;
  readonly partitions: TopicPartitions;
  readonly positions: PositionFinder;
  readonly sink: StreamSink;
  rows: TableRows = [];
  /** The identity of the table on the server. */
  tableIdentity = 'table1';
  /** False if the table's columns differ from those of the batch. */
  matchesColumns = true;
  isMember = true;
  /** Undefined when the topic is deleted. */
  topicId: bigint | undefined = TOPIC_ID;
  ends: readonly bigint[];
  committed: ReadonlyMap<number, CommittedOffset> = new Map();
  deadLetterCount = 0;
  isMergedAway = false;
  failures = 0;
  /** The run of the sink, after {@link start}. */
  running: Promise<void> | undefined;
  readonly #held = new Map<Request, Held[]>();
  #columns: readonly TableColumn[] = [];
  #foundIdentity = '';

  constructor({
    partitionCount = 2,
    limits = {},
    floors,
    caughtUp = new CaughtUp([]),
  }: FakeStreamOptions = {}) {
    this.ends = Array.from({ length: partitionCount }, () => 1_000n);
    this.caughtUp = caughtUp;
    const table = this.#table();
    const control: TopicControl = {
      pause: () => this.consumerCalls.push('pause'),
      resume: () => this.consumerCalls.push('resume'),
      seek: (partition, offset) => this.consumerCalls.push(`seek ${partition}@${offset}`),
      commit: (offsets) => this.commits.push(...offsets),
      isMember: () => this.isMember,
    };
    this.partitions = new TopicPartitions({ topic: TOPIC, table, control, caughtUp });
    this.positions = new PositionFinder({
      topic: TOPIC,
      table,
      admin: this.#admin(),
      evidence: this.#evidence(),
      ...(floors && { floors }),
    });
    const deadLetters = {
      send: (sent: readonly { readonly message: KafkaMessage }[]) => {
        this.deadLetters.push(...sent.map(({ message }) => message.offset));
        return Promise.resolve();
      },
    };
    const inserter = new BatchInserter({
      topic: TOPIC,
      table,
      positions: this.positions,
      deadLetters,
      counts: this.counts,
      policy: serviceRetry,
      limit: pLimit(1),
    });
    this.sink = new StreamSink({
      topic: TOPIC,
      table,
      schemas: this.#schemas(),
      partitions: this.partitions,
      positions: this.positions,
      inserter,
      buffers: this.buffers,
      counts: this.counts,
      // Batches are inserted only when full, so that no test waits for a clock.
      limits: { rows: 2, bytes: 1e6, deadLetterBytes: 1e6, ageMs: 1e6, quietMs: 1e6, ...limits },
    });
    this.sink.onFailure = () => this.failures++;
  }

  /**
   * Runs the sink and assigns partitions to it. Resolves when the sink is waiting for messages or
   * for a held response.
   */
  async start(partitions: readonly number[] = [0]): Promise<this> {
    this.running = this.sink.run();
    if (partitions.length > 0) this.sink.assign(partitions);
    await settle();
    return this;
  }

  /** Stops the sink, and resolves when its run has ended. */
  async stop(): Promise<void> {
    this.sink.stop();
    await this.running;
  }

  /** Delivers messages from a partition as one fetch. Resolves when the sink is waiting again. */
  async fetch(partition: number, ...messages: readonly KafkaMessage[]): Promise<void> {
    const next = BigInt(messages.at(-1)?.offset ?? -1) + 1n;
    this.sink.accept({ partition, messages, next, end: this.ends[partition] ?? 0n });
    await settle();
  }

  /** Delivers messages with the registered schema. */
  async fetchOffsets(partition: number, ...offsets: readonly number[]): Promise<void> {
    await this.fetch(partition, ...offsets.map((offset) => message(offset)));
  }

  /** Holds back the next response to a request. */
  hold(request: Request): HeldAnswer {
    const { promise, resolve, reject } = deferred();
    let isAsked = false;
    const held = this.#held.get(request) ?? [];
    held.push({ asked: () => (isAsked = true), answered: promise });
    this.#held.set(request, held);
    return {
      get isAsked() {
        return isAsked;
      },
      answer: async () => {
        resolve();
        await settle();
      },
      fail: async (error) => {
        reject(error);
        await settle();
      },
    };
  }

  /** Returns the calls to the consumer since this method was last called. */
  takeConsumerCalls(): string[] {
    return this.consumerCalls.splice(0);
  }

  /** Returns the requests since this method was last called. */
  takeRequests(): Request[] {
    return this.requests.splice(0);
  }

  async #request(request: Request): Promise<void> {
    this.requests.push(request);
    const held = this.#held.get(request)?.shift();
    held?.asked();
    await held?.answered;
  }

  #table(): StorageTable {
    const stream = this as FakeStream;
    const table = {
      stream: 'plans',
      name: 'plans_raw',
      get columns() {
        return stream.#columns;
      },
      get identity() {
        return stream.#foundIdentity;
      },
      readIdentity: async () => {
        await this.#request('readIdentity');
        return this.tableIdentity;
      },
      isReplaced: async () => {
        await this.#request('readIdentity');
        return this.tableIdentity !== this.#foundIdentity;
      },
      partitionRows: async () => {
        this.#foundIdentity = this.tableIdentity;
        const { rows } = this;
        await this.#request('partitionRows');
        return rows;
      },
      lastBlock: async () => {
        await this.#request('lastBlock');
        return 'all_1';
      },
      hasBlocks: () => Promise.resolve(true),
      matchesShape: () => Promise.resolve(this.matchesColumns),
      insert: async ({ ranges }: InsertedRows, generation: AbortSignal): Promise<RowsOutcome> => {
        generation.throwIfAborted();
        this.inserts.push(ranges.map(({ partition, first, last }) => `${partition}:${first}-${last}`).join());
        await this.#request('insert');
        return this.outcomes.shift() ?? { kind: 'inserted' };
      },
    };
    return table as unknown as StorageTable;
  }

  #schemas(): StreamSchemas {
    const transcoder = {
      transcode: (frame: Buffer, _start: number, out: RowBuffer) => {
        if (frame[5] === POISON) throw new DecodeError('the value does not match its schema');
        const at = out.length;
        out.reserve(1)[at] = 1;
        out.length = at + 1;
      },
    };
    const schemas = {
      primaryKey: undefined,
      latestFault: undefined,
      forget: () => {},
      learnLatest: () => this.#request('learnLatest'),
      learn: async (id: number) => {
        await this.#request('learn');
        this.knownSchemas.add(id);
        this.#columns = [...this.#columns];
      },
      transcoderOf: (id: number, columns: readonly TableColumn[]) =>
        this.knownSchemas.has(id) && columns === this.#columns ? transcoder : undefined,
    };
    return schemas as unknown as StreamSchemas;
  }

  #admin(): KafkaAdmin {
    const admin = {
      describeTopics: async () => {
        await this.#request('topic');
        const id = this.topicId;
        return new Map(id === undefined ? [] : [[TOPIC, { id, partitionCount: this.ends.length }]]);
      },
      topicOffsets: async () => {
        await this.#request('topic');
        const partitions = this.ends.map((end, partition) => ({ partition, start: 0n, end: end }));
        return this.topicId === undefined ? undefined : { id: this.topicId, partitions };
      },
    };
    return admin as unknown as KafkaAdmin;
  }

  #evidence(): ResumeEvidence {
    return {
      committed: async () => {
        await this.#request('committed');
        return this.committed;
      },
      deadLetters: async () => {
        await this.#request('deadLetters');
        return { countBetween: () => this.deadLetterCount, has: () => false };
      },
      wasMergedAway: () => Promise.resolve(this.isMergedAway),
    };
  }
}
