import pLimit from 'p-limit';
import type { Registry } from '../../core/avro/registry.ts';
import { CaughtUp } from '../../core/kafka/caught-up.ts';
import { literal, quoted } from '../../core/clickhouse/client.ts';
import type { Database } from '../../core/clickhouse/database.ts';
import { withConnections, type Connections } from '../../core/connections.ts';
import type { Settings } from '../../core/settings/config.ts';
import { NameTakenError } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import { startMonitoring } from '../../core/monitoring.ts';
import { steadyRetry } from '../../core/retry.ts';
import { storageTableOf, streamOfTopic, subjectOf, topicOf } from '../../core/stream-name.ts';
import { onCluster } from '../table/table-ddl.ts';
import { isDerivedView } from '../view/view.ts';
import {
  chooseStreams,
  nameConflictOf,
  requireHistoryStreams,
  streamsUnder,
  type SkippedTopic,
} from './choose-streams.ts';
import { consume } from './consume.ts';
import { createStreamSink } from '../stream/create-stream-sink.ts';
import { DeadLetters } from '../stream/dead-letters.ts';
import { Outages } from './outages.ts';
import { RowBuffers } from '../stream/row-buffers.ts';
import { SinkCounts } from '../report/sink-counts.ts';
import { SinkGroup } from './sink-group.ts';
import { createSinkHealth } from '../report/sink-health.ts';
import { createSinkMetrics } from '../report/sink-metrics.ts';
import { startSinkProgress } from '../report/sink-progress.ts';

interface SinkOptions {
  /** The streams to copy; all if undefined. */
  readonly streams: readonly string[] | undefined;
  /**
   * Whether to return once every partition is copied up to the end offset that it had at the start.
   */
  readonly untilCaughtUp: boolean;
}

export const TABLES_SIDE_BY_SIDE = 4;
/**
 * Grace period for the last inserts after a stop. The next sink reads the remaining messages again.
 */
const MAX_FLUSH_MS = 7_000;

/**
 * Consumes the topics of the streams and inserts the messages into the tables until the signal
 * aborts or, with `untilCaughtUp`, until all streams have caught up. A stream that fails does not
 * stop the others.
 * @throws ConfigError before anything is consumed; ServiceUnavailableError, ServiceRefusedError.
 */
export async function sink(
  settings: Settings,
  options: SinkOptions,
  signal: AbortSignal,
): Promise<readonly SinkCounts[]> {
  const role = {
    name: 'sink',
    needs: ['admin', 'registry', 'database'],
    // The work outlives the signal, so that the rows read so far can be inserted.
    graceMs: MAX_FLUSH_MS,
  } as const;
  return withConnections(settings, role, signal, async (services) => {
    await ensureDatabase(services.database.with({ signal }));
    signal.throwIfAborted();
    return sinkStreams(settings, options, services, signal);
  });
}

async function sinkStreams(
  settings: Settings,
  options: SinkOptions,
  services: Connections,
  signal: AbortSignal,
): Promise<readonly SinkCounts[]> {
  const { topicPrefix } = settings;
  const { streams, skipped } = await prepareStreams(settings, options, services);
  const topics = streams.map((stream) => topicOf(topicPrefix, stream));
  const counts: SinkCounts[] = [];
  const reported = new Set<string>();
  // Reports each topic once. The other streams continue.
  const skip = ({ topic, stream, reason }: SkippedTopic) => {
    if (reported.has(topic)) return;
    reported.add(topic);
    logger[stream === undefined ? 'warn' : 'error']({ topic, stream }, reason);
    if (stream === undefined) return;
    const rejected = new SinkCounts(stream, storageTableOf(stream));
    counts.push(Object.assign(rejected, { state: 'failed', failure: new NameTakenError(reason) }));
  };
  skipped.forEach(skip);
  if (topics.length === 0) return counts;
  const caughtUp = new CaughtUp(options.untilCaughtUp ? await services.admin.endOffsets(topics) : []);
  const group = new SinkGroup(settings);
  const deadLetters = new DeadLetters(services);
  const shared = {
    ...services,
    settings,
    deadLetters,
    limit: pLimit(TABLES_SIDE_BY_SIDE),
    buffers: new RowBuffers(),
    outages: new Outages(),
  };
  const create = (stream: string) => {
    const { sink: created } = createStreamSink(shared, { stream, group, caughtUp });
    counts.push(created.counts);
    return created;
  };
  const sinks = new Map(streams.map((stream) => [topicOf(topicPrefix, stream), create(stream)]));
  const sinkOf = (topic: string) => {
    const stream = streamOfTopic(topicPrefix, topic);
    if (stream === undefined || options.streams?.includes(stream) === false) return undefined;
    const others = [...sinks.values()].map((other) => other.counts.stream);
    const reason = nameConflictOf(topicPrefix, stream, others);
    if (reason !== undefined) {
      skip({ topic, stream, reason });
      return undefined;
    }
    logger.info({ stream, topic }, 'new topic: the sink now reads it as well');
    return create(stream);
  };
  const health = createSinkHealth({
    counts,
    isMember: () => group.current.isKnown,
    missingService: () => shared.outages.missing,
  });
  const monitoring = await startMonitoring(settings, 'sink', createSinkMetrics(counts), health);
  const progress = startSinkProgress(counts, process.stderr);
  try {
    const admin = services.admin.with({ policy: steadyRetry });
    const until = options.untilCaughtUp ? { caughtUp } : { sinkOf };
    await consume({ group, settings, sinks, admin, ...until }, signal);
    return counts;
  } finally {
    progress.stop();
    await Promise.all([deadLetters.close(), monitoring.close()]);
  }
}

async function ensureDatabase(database: Database): Promise<void> {
  const doing = `database ${database.name}`;
  // Checked first, because the account may lack the right to create databases.
  const query = `SELECT 1 FROM system.databases WHERE name = ${literal(database.name)}`;
  if ((await database.rows(doing, query)).length > 0) return;
  const create = `CREATE DATABASE IF NOT EXISTS ${quoted(database.name)}${onCluster(database.settings)}`;
  await database.command(doing, create);
}

/**
 * Creates missing topics. Returns the streams to copy and, if all are requested, the skipped
 * topics.
 */
async function prepareStreams(
  { topicPrefix, clickhouse }: Settings,
  options: SinkOptions,
  { admin, registry }: Connections,
): Promise<{ readonly streams: readonly string[]; readonly skipped: readonly SkippedTopic[] }> {
  const existing = await admin.listTopics();
  requireHistoryStreams(existing, topicPrefix, clickhouse.historyStreams);
  const streams: string[] = [];
  for (const stream of chooseStreams(existing, topicPrefix, options.streams)) {
    if (!isDerivedView(stream) || (await isProduced(stream, existing, topicPrefix, registry)))
      streams.push(stream);
    else if (options.streams !== undefined)
      logger.info({ stream }, 'never produced: its view derives from another stream');
  }
  await admin.ensureTopics(streams.map((stream) => topicOf(topicPrefix, stream)));
  return { streams, skipped: options.streams ? [] : streamsUnder(topicPrefix, existing).skipped };
}

/**
 * Returns whether the stream has ever been produced. If it has not, it must not get a table: an
 * empty table would replace the derived view.
 */
async function isProduced(
  stream: string,
  topics: readonly string[],
  prefix: string,
  registry: Registry,
): Promise<boolean> {
  if (topics.includes(topicOf(prefix, stream))) return true;
  return (await registry.latestText(subjectOf(prefix, stream))) !== undefined;
}
