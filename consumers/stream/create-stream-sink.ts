import type { CommittedOffset, KafkaAdmin } from '../../core/kafka/admin.ts';
import type { LimitFunction } from 'p-limit';
import type { Connections } from '../../core/connections.ts';
import type { CaughtUp } from '../../core/kafka/caught-up.ts';
import { messageOf, ServiceRefusedError, ServiceUnavailableError } from '../../core/errors.ts';
import { retry, steadyRetry, type RetryPolicy } from '../../core/retry.ts';
import { storageTableOf, subjectOf, topicOf } from '../../core/stream-name.ts';
import { BatchInserter } from './batch-inserter.ts';
import { StorageTable } from '../table/storage-table.ts';
import type { DeadLetters } from './dead-letters.ts';
import { wasMergedAway } from './merged-away.ts';
import type { Outages } from '../run/outages.ts';
import type { RowBuffers } from './row-buffers.ts';
import { SinkCounts } from '../report/sink-counts.ts';
import type { SinkGroup } from '../run/sink-group.ts';
import { StreamSchemas } from './stream-schemas.ts';
import type { BatchLimits } from './batch-filler.ts';
import { StreamSink } from './stream-sink.ts';
import { DeadLetterIndex } from './dead-letter-index.ts';
import { PositionFinder, type ResumeEvidence } from './positions.ts';
import { TopicPartitions } from './topic-partitions.ts';

/**
 * ClickHouse is fast with large inserts. A buffer of 32 MiB has room for these bytes and one more
 * fetch.
 */
const limits: BatchLimits = {
  rows: 250_000,
  bytes: 28 * 1024 * 1024,
  deadLetterBytes: 4 * 1024 * 1024,
  ageMs: 350,
  quietMs: 150,
};

export interface SinkServices extends Connections {
  readonly deadLetters: Pick<DeadLetters, 'send'>;
  /** Limits concurrent inserts. */
  readonly limit: LimitFunction;
  readonly buffers: RowBuffers;
  readonly outages: Outages;
}

interface CreateStreamSinkOptions {
  readonly stream: string;
  readonly group: SinkGroup;
  readonly caughtUp: CaughtUp;
  /** A table other than the stream's own; see {@link StorageTable}. */
  readonly table?: string;
  /** The lowest offset to resume at, by partition. */
  readonly floors?: ReadonlyMap<number, bigint>;
}

export interface CreatedSink {
  readonly sink: StreamSink;
  readonly table: StorageTable;
  readonly schemas: StreamSchemas;
  readonly partitions: TopicPartitions;
}

/** Creates the sink of one stream. It waits for services that are unavailable. */
export function createStreamSink(services: SinkServices, options: CreateStreamSinkOptions): CreatedSink {
  const { settings, registry, database, deadLetters, limit, buffers } = services;
  const { stream, group, caughtUp, floors } = options;
  const topic = topicOf(settings.topicPrefix, stream);
  const counts = new SinkCounts(stream, storageTableOf(stream));
  const policy = patiently(counts, services.outages);
  const table = new StorageTable({
    database: database.with({ policy }),
    stream,
    table: options.table,
    onChange: () => counts.schemaChanges++,
  });
  const schemas = new StreamSchemas(registry, subjectOf(settings.topicPrefix, stream), table, policy);
  const control = group.control(topic);
  const admin = services.admin.with({ policy });
  const evidence = resumeEvidence(services, admin, policy, { groupId: group.groupId, stream });
  const partitions = new TopicPartitions({ topic, table, control, caughtUp });
  const positions = new PositionFinder({ topic, table, admin, evidence, floors });
  const inserter = new BatchInserter({ topic, table, positions, deadLetters, counts, policy, limit });
  const shared = { topic, table, schemas, partitions, positions, inserter };
  const sink = new StreamSink({ ...shared, limits, buffers, counts });
  return { sink, table, schemas, partitions };
}

/**
 * Returns the evidence for messages that do not need a row. Without the right to read commits or
 * dead letters, or with too many dead letters, the sink reads the messages after the last rows
 * again.
 */
function resumeEvidence(
  services: Pick<SinkServices, 'admin' | 'settings' | 'registry' | 'database' | 'signal'>,
  admin: KafkaAdmin,
  policy: RetryPolicy,
  { groupId, stream }: { readonly groupId: string; readonly stream: string },
): ResumeEvidence {
  const { settings, signal } = services;
  const topic = topicOf(settings.topicPrefix, stream);
  const ifAllowed = <T>(asked: Promise<T>, otherwise: T): Promise<T> =>
    asked.catch((error: unknown) => {
      if (error instanceof ServiceRefusedError) return otherwise;
      throw error;
    });
  const steadily = <T>(doing: string, otherwise: T, work: () => Promise<T>): Promise<T> =>
    ifAllowed(retry({ topic, doing }, policy, signal, work), otherwise);
  return {
    committed: async () => {
      const committed = await ifAllowed(admin.committedOffsets(groupId, [topic]), new Map());
      return committed.get(topic) ?? new Map<number, CommittedOffset>();
    },
    deadLetters: () =>
      steadily('dead letters', new DeadLetterIndex(settings.topicPrefix), () =>
        DeadLetterIndex.read(services),
      ),
    wasMergedAway: (spans, deadLetters) =>
      steadily('merged rows', false, () => wasMergedAway(services, stream, spans, deadLetters)),
  };
}

/** Returns a policy that retries until the service responds, and reports the outage. */
function patiently(counts: SinkCounts, outages: Outages): RetryPolicy {
  return {
    ...steadyRetry,
    onRetry: (error) => {
      counts.retries++;
      counts.state = 'waiting';
      if (error instanceof ServiceUnavailableError && error.service !== undefined)
        outages.begin(error.service, counts.stream, messageOf(error));
    },
    onRecovery: () => outages.end(counts.stream),
  };
}
