import { setTimeout as delay } from 'node:timers/promises';
import { sinkGroupOf } from '../../consumers/run/sink-group.ts';
import { DeadLetterIndex } from '../../consumers/stream/dead-letter-index.ts';
import { withAvailableServices } from '../../core/connections.ts';
import { messageOf, type EtlError } from '../../core/errors.ts';
import type { KafkaAdmin } from '../../core/kafka/admin.ts';
import type { Settings } from '../../core/settings/config.ts';
import { checkpointsTopic, deadLettersTopic, topicOf, viewOf } from '../../core/stream-name.ts';
import type { TopicConfig } from '../../core/kafka/topic-retention.ts';
import { RUNS } from '../../producers/publish/send-run.ts';
import { chooseStreams } from './choose-streams.ts';
import { readJournals, type Journals } from './journals.ts';
import { readLastRun } from './last-run.ts';
import { problemsOf } from './problems.ts';
import { StatusServices } from './services.ts';
import type { Status, StreamStatus, TopicStatus, Warning } from './stream-status.ts';
import type { TableFacts } from './table-facts.ts';
import { lagOf, readTopicStatus } from './topic-facts.ts';
import {
  journalWarnings,
  skippedTopicWarnings,
  lostRowsWarnings,
  pairWarnings,
  topicWarnings,
} from './warnings.ts';

/** Facts about all streams. A fact is undefined if its service did not answer. */
interface Shared {
  readonly services: StatusServices;
  readonly topics: readonly string[] | undefined;
  /** View names of the streams that have a table. */
  readonly tables: readonly string[] | undefined;
  readonly configs: ReadonlyMap<string, TopicConfig> | undefined;
  /** Of the sinks' group, by topic and partition. */
  readonly committed: Awaited<ReturnType<KafkaAdmin['committedOffsets']>> | undefined;
  readonly journals: Journals | undefined;
  /** Number of pending dead letters by stream; undefined also if there are too many to count. */
  readonly deadLetters: ReadonlyMap<string, number> | undefined;
}

interface StatusOptions {
  /** A stream is stale if its last run is older. */
  readonly maxAgeMs?: number;
  /** How long to watch streams with lag for progress. By default they count as moving. */
  readonly watchMs?: number;
}

const WATCH_STEP_MS = 500;

/**
 * Returns the status of the streams from Kafka, the registry and ClickHouse. Writes nothing. If a
 * service does not answer, adds a line to the failures and leaves its part of the status undefined.
 * @param wanted only these streams; all if undefined.
 * @throws ConfigError for an unknown stream; the signal's reason.
 */
export function gatherStatus(
  settings: Settings,
  wanted: readonly string[] | undefined,
  signal: AbortSignal,
  options: StatusOptions = {},
): Promise<Status> {
  const failures = new Set<string>();
  const onUnavailable = (error: EtlError) => failures.add(messageOf(error));
  return withAvailableServices(settings, 'status', signal, onUnavailable, (available) =>
    gatherFrom(new StatusServices(available, failures), wanted, options),
  );
}

export async function gatherFrom(
  services: StatusServices,
  wanted: readonly string[] | undefined,
  { maxAgeMs = Infinity, watchMs = 0 }: StatusOptions = {},
): Promise<Status> {
  const { settings, signal } = services;
  const { topicPrefix } = settings;
  const [topics, tables] = await Promise.all([
    services.kafka((admin) => admin.listTopics()),
    services.clickhouse((found) => found.streams()),
  ]);
  const streams = chooseStreams(topics, tables, topicPrefix, wanted);
  const exists = (name: string) => topics?.includes(name) === true;
  const streamTopics = streams.map((stream) => topicOf(topicPrefix, stream)).filter(exists);
  // They belong to no stream, so they are omitted if the user names streams.
  const journalTopics =
    wanted === undefined ? [checkpointsTopic(topicPrefix), deadLettersTopic(topicPrefix)].filter(exists) : [];
  const [configs, committed, journals, deadLetters] = await Promise.all([
    services.kafka((admin) => admin.topicConfigs([...streamTopics, ...journalTopics])),
    services.kafka((admin) => admin.committedOffsets(sinkGroupOf(settings), streamTopics)),
    services.kafka((admin) => readJournals(admin, settings, signal)),
    services.kafka(async (admin) => (await DeadLetterIndex.read({ admin, settings, signal })).counts),
  ]);
  const shared = { services, topics, tables, configs, committed, journals, deadLetters };
  const statuses: StreamFacts[] = [];
  const warnings: Warning[] = [];
  for (const stream of streams) {
    const { status, table } = await streamStatus(stream, shared);
    statuses.push(status);
    warnings.push(...(await streamWarnings(status, table, shared)));
  }
  if (wanted === undefined) warnings.push(...skippedTopicWarnings(topics ?? [], topicPrefix));
  for (const name of journalTopics) {
    const config = configs?.get(name);
    if (config !== undefined) warnings.push(...journalWarnings(name, config));
  }
  const stalled = await stalledStreams(statuses, shared, watchMs);
  const atMs = Date.now();
  return {
    atMs,
    streams: statuses.map((status) => ({
      ...status,
      problems: problemsOf(status, { atMs, maxAgeMs, isStalled: stalled.has(status.stream) }),
    })),
    warnings,
    failures: [...services.failures],
  };
}

type StreamFacts = Omit<StreamStatus, 'problems'>;

/** Returns the streams with lag whose sink passed no message while they were watched. */
async function stalledStreams(
  statuses: readonly StreamFacts[],
  shared: Shared,
  watchMs: number,
): Promise<ReadonlySet<string>> {
  const waiting = new Map(
    statuses.flatMap(({ stream, lag, topic }) =>
      watchMs > 0 && lag && topic ? [[stream, passedOf(topic)] as const] : [],
    ),
  );
  const { services } = shared;
  const groupId = sinkGroupOf(services.settings);
  const topicName = (stream: string) => topicOf(services.settings.topicPrefix, stream);
  // Every run of produce adds a message, so lag is normal until a sink runs again.
  if (waiting.has(RUNS) && !(await services.kafka((admin) => admin.isConsumed(groupId, topicName(RUNS)))))
    waiting.delete(RUNS);
  const endMs = performance.now() + watchMs;
  while (waiting.size > 0 && performance.now() < endMs) {
    await delay(WATCH_STEP_MS, undefined, { signal: services.signal });
    // Only commits cover messages without a row, such as dead letters.
    const names = [...waiting.keys()].map(topicName);
    const committed = await services.kafka((admin) => admin.committedOffsets(groupId, names));
    for (const [stream, passed] of waiting) {
      const now = await streamTopic(stream, { ...shared, committed });
      if (!now.topic || passedOf(now.topic) !== passed) waiting.delete(stream);
    }
  }
  return new Set(waiting.keys());
}

/** Returns how many messages the sink has passed. Messages removed by retention count as passed. */
function passedOf(topic: TopicStatus): bigint {
  return topic.partitions.reduce((sum, { end, lag }) => sum + end - (lag ?? 0n), 0n);
}

async function streamTopic(
  stream: string,
  { services, topics, tables, committed }: Shared,
): Promise<{ topic: StreamFacts['topic']; table: TableFacts | null | undefined }> {
  const name = topicOf(services.settings.topicPrefix, stream);
  // Read the table first, so that the topic holds the message of every row.
  const table =
    tables?.includes(viewOf(stream)) === false
      ? null
      : await services.clickhouse((found) => found.facts(stream));
  const sink =
    table === undefined || committed === undefined ? undefined : { table, committed: committed.get(name) };
  const topic =
    topics?.includes(name) === false
      ? null
      : await services.kafka((admin) => readTopicStatus(admin, name, sink));
  return { topic, table };
}

async function streamStatus(
  stream: string,
  shared: Shared,
): Promise<{ status: StreamFacts; table: TableFacts | null | undefined }> {
  const { services, journals, deadLetters } = shared;
  const run = journals?.runs.get(stream);
  const { topic, table } = await streamTopic(stream, shared);
  const status: StreamFacts = {
    stream,
    topic,
    table: table && { name: table.name, rows: table.rows },
    lag: topic && lagOf(topic),
    lastRun:
      run === undefined
        ? journals && null
        : await services.registry((registry) => readLastRun(stream, run, registry)),
    checkpoint: journals && (journals.checkpoints.get(stream) ?? null),
    deadLetters: deadLetters && (deadLetters.get(stream) ?? 0),
  };
  return { status, table };
}

async function streamWarnings(
  status: StreamFacts,
  table: TableFacts | null | undefined,
  { services, configs }: Shared,
): Promise<Warning[]> {
  const { stream, topic } = status;
  const warnings = pairWarnings(status, services.settings.topicPrefix);
  if (table) warnings.push(...((await services.clickhouse((tables) => tables.viewWarnings(stream))) ?? []));
  if (!topic) return warnings;
  const config = configs?.get(topic.name);
  if (config !== undefined)
    warnings.push(...topicWarnings(topic, config, services.settings.kafka.tombstoneRetentionDays));
  if (!table) return warnings;
  const lost = await services.clickhouse((tables) => lostRowsWarnings(stream, topic, table, tables));
  return [...warnings, ...(lost ?? [])];
}
