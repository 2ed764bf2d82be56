import { setTimeout as delay } from 'node:timers/promises';
import { sinkGroupOf } from '../../consumers/run/sink-group.ts';
import { withAvailableServices } from '../../core/connections.ts';
import { messageOf, type EtlError } from '../../core/errors.ts';
import type { CommittedOffset, KafkaAdmin } from '../../core/kafka/admin.ts';
import type { Settings } from '../../core/settings/config.ts';
import { checkpointsTopic, deadLettersTopic, topicOf, viewOf } from '../../core/stream-name.ts';
import type { TopicConfig } from '../../core/kafka/topic-retention.ts';
import { RUNS } from '../../producers/publish/send-run.ts';
import type { Checkpoint } from '../../producers/state/checkpoint.ts';
import { chooseStreams } from './choose-streams.ts';
import { Journals, type RunMessage } from './journals.ts';
import { readLastRun } from './last-run.ts';
import { problemsOf } from './problems.ts';
import { StatusServices } from './services.ts';
import { passedOf, type Status, type StreamStatus, type Warning } from './stream-status.ts';
import type { TableFacts } from './table-facts.ts';
import { lagOf, readTopicStatus } from './topic-facts.ts';
import { TableCache } from './table-cache.ts';
import type { TopicFollower } from './topic-follower.ts';
import {
  journalWarnings,
  skippedTopicWarnings,
  lostRowsWarnings,
  pairWarnings,
  topicWarnings,
} from './warnings.ts';

/** Facts about all streams. A fact is undefined if it could not be read. */
interface Shared {
  readonly services: StatusServices;
  readonly topics: readonly string[] | undefined;
  /** View names of the streams that have a table. */
  readonly tables: readonly string[] | undefined;
  readonly configs: ReadonlyMap<string, TopicConfig> | undefined;
  /** Committed offsets of the sinks' group, by topic and partition. */
  readonly committed: Awaited<ReturnType<KafkaAdmin['committedOffsets']>> | undefined;
  readonly runs: ReadonlyMap<string, RunMessage> | undefined;
  readonly checkpoints: ReadonlyMap<string, Checkpoint> | undefined;
  /** Number of pending dead letters by stream; undefined if there are too many to count. */
  readonly deadLetters: ReadonlyMap<string, number> | undefined;
  readonly cache: TableCache;
}

interface StatusOptions {
  /** A stream is stale if its last run is older. */
  readonly maxAgeMs?: number;
  /** How long to watch streams with lag for progress. By default, they count as moving. */
  readonly watchMs?: number;
  /**
   * A status from a few seconds ago, which replaces the watch: streams that have not moved since
   * then are stalled.
   */
  readonly earlier?: Status | undefined;
  /** The topics that earlier calls have read. Only new messages are then read. */
  readonly journals?: Journals;
  readonly cache?: TableCache;
}

const WATCH_STEP_MS = 500;

/**
 * Returns the status of the streams from Kafka, the registry and ClickHouse. Writes nothing. If a
 * service or query fails, adds a line to the failures and leaves its part of the status undefined.
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
  { maxAgeMs = Infinity, watchMs = 0, earlier, journals, cache }: StatusOptions = {},
): Promise<Status> {
  const { settings, signal } = services;
  const { topicPrefix } = settings;
  const read = journals ?? new Journals(topicPrefix);
  const [topics, tables] = await Promise.all([
    services.kafka((admin) => admin.listTopics()),
    services.clickhouse((found) => found.streams()),
  ]);
  const streams = chooseStreams(topics, tables, topicPrefix, wanted);
  const exists = (name: string) => topics?.includes(name) === true;
  const streamTopics = streams.map((stream) => topicOf(topicPrefix, stream)).filter(exists);
  // These topics do not belong to a stream, so they are omitted if the user names streams.
  const journalTopics =
    wanted === undefined ? [checkpointsTopic(topicPrefix), deadLettersTopic(topicPrefix)].filter(exists) : [];
  const follow = <State>(follower: TopicFollower<State>, topic: string) =>
    services.kafka((admin) => follower.read(admin, settings, topic, signal));
  const [configs, committed, runs, checkpoints, deadLetters] = await Promise.all([
    services.kafka((admin) => admin.topicConfigs([...streamTopics, ...journalTopics])),
    services.kafka((admin) => admin.committedOffsets(sinkGroupOf(settings), streamTopics)),
    follow(read.runs, topicOf(topicPrefix, RUNS)),
    follow(read.checkpoints, checkpointsTopic(topicPrefix)),
    follow(read.deadLetters, deadLettersTopic(topicPrefix)),
  ]);
  const shared: Shared = {
    ...{ services, topics, tables, configs, committed, runs, checkpoints },
    deadLetters: deadLetters?.counts,
    cache: cache ?? new TableCache(),
  };
  const statuses: StreamFacts[] = [];
  const warnings: Warning[] = [];
  for (const stream of streams) {
    const { status, table } = await streamStatus(stream, shared);
    statuses.push(status);
    const own = [...configWarnings(status, shared), ...((await tableWarnings(status, table, shared)) ?? [])];
    warnings.push(...own.map((warning) => ({ ...warning, stream })));
  }
  if (wanted === undefined) warnings.push(...skippedTopicWarnings(topics ?? [], topicPrefix));
  for (const name of journalTopics) {
    const config = configs?.get(name);
    if (config !== undefined) warnings.push(...journalWarnings(name, config));
  }
  const stalled = await stalledStreams(statuses, shared, { watchMs, earlier });
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

/**
 * Returns the streams with lag whose sink has not passed any message since the earlier status or,
 * without one, while they were watched.
 */
async function stalledStreams(
  statuses: readonly StreamFacts[],
  shared: Shared,
  { watchMs, earlier }: { readonly watchMs: number; readonly earlier: Status | undefined },
): Promise<ReadonlySet<string>> {
  const earlierTopics = new Map(earlier?.streams.map(({ stream, topic, lag }) => [stream, lag && topic]));
  const isWatched = ({ stream, topic }: StreamFacts) => {
    const before = earlierTopics.get(stream);
    return earlier === undefined ? watchMs > 0 : before && topic && passedOf(before) === passedOf(topic);
  };
  const waiting = new Map(
    statuses.flatMap((status) =>
      status.lag && status.topic && isWatched(status) === true
        ? [[status.stream, passedOf(status.topic)] as const]
        : [],
    ),
  );
  const { services } = shared;
  const groupId = sinkGroupOf(services.settings);
  const topicName = (stream: string) => topicOf(services.settings.topicPrefix, stream);
  // Every run of produce adds a message, so lag is normal until a sink runs again.
  if (waiting.has(RUNS) && !(await services.kafka((admin) => admin.isConsumed(groupId, topicName(RUNS)))))
    waiting.delete(RUNS);
  const endMs = performance.now() + (earlier === undefined ? watchMs : 0);
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

async function streamTopic(
  stream: string,
  { services, topics, tables, committed, cache }: Shared,
): Promise<{ topic: StreamFacts['topic']; table: TableFacts | null | undefined }> {
  const name = topicOf(services.settings.topicPrefix, stream);
  // Read the table first, so that the topic contains the message of every row.
  const table =
    tables?.includes(viewOf(stream)) === false
      ? null
      : await cache.get(`facts ${stream}`, markOf(committed?.get(name)), () =>
          services.clickhouse((found) => found.facts(stream)),
        );
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
  const { services, runs, checkpoints, deadLetters } = shared;
  const run = runs?.get(stream);
  const { topic, table } = await streamTopic(stream, shared);
  const history = table ? await services.clickhouse((found) => found.history(stream)) : undefined;
  const status: StreamFacts = {
    stream,
    topic,
    table: table && { name: table.name, rows: table.rows },
    ...(history && { history }),
    lag: topic && lagOf(topic),
    lastRun:
      run === undefined
        ? runs && null
        : await services.registry((registry) => readLastRun(stream, run, registry)),
    checkpoint: checkpoints && (checkpoints.get(stream) ?? null),
    deadLetters: deadLetters && (deadLetters.get(stream) ?? 0),
  };
  return { status, table };
}

/** Returns text that changes with every insert of the sink; undefined if nothing is committed. */
function markOf(committed: ReadonlyMap<number, CommittedOffset> | undefined): string | undefined {
  if (committed === undefined || committed.size === 0) return undefined;
  return [...committed]
    .map(([partition, { offset, metadata }]) => `${partition} ${offset} ${metadata}`)
    .join();
}

function configWarnings(status: StreamFacts, { services, configs }: Shared): Warning[] {
  const { topicPrefix, kafka } = services.settings;
  const config = status.topic ? configs?.get(status.topic.name) : undefined;
  return [
    ...pairWarnings(status, topicPrefix),
    ...(status.topic && config ? topicWarnings(status.topic, config, kafka.tombstoneRetentionDays) : []),
  ];
}

async function tableWarnings(
  { stream, topic }: StreamFacts,
  table: TableFacts | null | undefined,
  { services, committed, cache }: Shared,
): Promise<readonly Warning[] | undefined> {
  if (!table) return [];
  const starts = topic?.partitions.map(({ start }) => start).join(' ') ?? '';
  const mark = topic && markOf(committed?.get(topic.name));
  return cache.get(`warnings ${stream}`, mark ? `${mark} ${starts}` : undefined, () =>
    services.clickhouse(async (tables) => [
      ...(await tables.viewWarnings(stream)),
      ...(topic ? await lostRowsWarnings(stream, topic, table, tables) : []),
    ]),
  );
}
