import { setMaxListeners } from 'node:events';
import type { Admin } from 'kafkajs';
import pLimit from 'p-limit';
import { Registry } from '../../core/avro/registry.ts';
import { createClickHouse, probeClickHouse } from '../../core/clickhouse/client.ts';
import type { Settings } from '../../core/settings/config.ts';
import { ConfigError, messageOf } from '../../core/errors.ts';
import { askKafka, connectAdmin } from '../../core/kafka/client.ts';
import { toEtlError } from '../../core/kafka/kafka-error.ts';
import { logger } from '../../core/logger.ts';
import { probeRetry } from '../../core/retry.ts';
import { topicOf } from '../../core/stream-name.ts';
import { chooseStreams } from '../../consumers/run/choose-streams.ts';
import type { SinkServices } from '../../consumers/stream/create-stream-sink.ts';
import { DeadLetters } from '../../consumers/stream/dead-letters.ts';
import { SetAside } from '../../consumers/stream/set-aside.ts';
import { Outages } from '../../consumers/run/outages.ts';
import { RowBuffers } from '../../consumers/stream/row-buffers.ts';
import { TABLES_SIDE_BY_SIDE } from '../../consumers/run/sink.ts';
import { createReplayCounts, type ReplayCounts } from './replay-counts.ts';
import { planReplay, type ReplayPlan } from './replay-plan.ts';
import { startReplayProgress } from './replay-progress.ts';
import { StreamReplay } from './stream-replay.ts';

/** Each has a table of its own to fill, and most streams are small. */
const STREAMS_SIDE_BY_SIDE = 2;

export interface ReplayOptions {
  /** Only these streams; all that have a topic if undefined. */
  readonly streams: readonly string[] | undefined;
  /** ms since 1970; undefined for the beginning. */
  readonly from: number | undefined;
}

/**
 * Rebuilds the tables of the streams from their topics, some side by side. One that fails is left as it was; the others go on.
 *
 * @returns what each stream's replay did.
 * @throws ConfigError, ServiceUnavailableError or ServiceRefusedError before anything is done.
 */
export async function replay(
  settings: Settings,
  options: ReplayOptions,
  signal: AbortSignal,
): Promise<readonly ReplayCounts[]> {
  return withReplayServices(settings, signal, async (services) => {
    const streams = await replayedStreams(services, options);
    const setAside = await SetAside.read(services);
    const counts = streams.map(createReplayCounts);
    const limit = pLimit(STREAMS_SIDE_BY_SIDE);
    const progress = startReplayProgress(counts, process.stderr);
    try {
      await Promise.all(counts.map((count) => limit(() => replayOne(services, options, setAside, count))));
    } finally {
      progress.stop();
    }
    return counts;
  });
}

/** What a replay would do; nothing is changed. */
export async function planReplays(
  settings: Settings,
  options: ReplayOptions,
  signal: AbortSignal,
): Promise<readonly ReplayPlan[]> {
  return withReplayServices(settings, signal, async (services) => {
    const plans: ReplayPlan[] = [];
    for (const stream of await replayedStreams(services, options))
      plans.push(await planReplay(services, stream, options.from));
    return plans;
  });
}

/** Never throws: what went wrong stands in the counts. */
async function replayOne(
  services: SinkServices,
  { from }: ReplayOptions,
  setAside: SetAside,
  counts: ReplayCounts,
): Promise<void> {
  const { stream } = counts;
  try {
    await new StreamReplay(services, { stream, from, setAside }, counts).run();
    logger.info(
      { stream, rows: counts.rows, before: counts.liveBefore, after: counts.liveAfter },
      'replayed',
    );
  } catch (error) {
    const cause: unknown = services.signal.aborted ? services.signal.reason : error;
    counts.state = 'failed';
    counts.failure = cause instanceof Error ? cause : new Error(messageOf(cause));
  }
}

async function withReplayServices<T>(
  settings: Settings,
  signal: AbortSignal,
  work: (services: SinkServices) => Promise<T>,
): Promise<T> {
  if (settings.clickhouse.cluster !== undefined)
    throw new ConfigError('CLICKHOUSE_CLUSTER is set: tables of a cluster cannot be replayed yet');
  const clickhouse = createClickHouse(settings.clickhouse);
  const running = AbortSignal.any([signal]);
  setMaxListeners(0, running);
  const registry = new Registry(settings.schemaRegistry, running);
  let admin: Admin | undefined;
  let letters: DeadLetters | undefined;
  try {
    await registry.probe(probeRetry);
    await probeClickHouse(clickhouse, settings.clickhouse, running);
    admin = await connectAdmin(settings.kafka, 'replay', running);
    letters = new DeadLetters(admin, settings, running);
    const limit = pLimit(TABLES_SIDE_BY_SIDE);
    const buffers = new RowBuffers();
    const outages = new Outages();
    const shared = { letters, limit, buffers, outages };
    return await work({ settings, admin, registry, clickhouse, signal: running, ...shared });
  } catch (error) {
    throw toEtlError(error, settings.kafka);
  } finally {
    await letters?.close();
    await Promise.all([admin?.disconnect(), clickhouse.close()]);
  }
}

/** @throws ConfigError for one that nobody knows, or that has no topic. */
async function replayedStreams(
  services: SinkServices,
  { streams: wanted }: ReplayOptions,
): Promise<string[]> {
  const { settings, admin, signal } = services;
  const topics = new Set(await askKafka(settings.kafka, signal, () => admin.listTopics()));
  const hasTopic = (stream: string) => topics.has(topicOf(settings.topicPrefix, stream));
  const chosen = chooseStreams([...topics], settings.topicPrefix, wanted);
  const missing = chosen.find((stream) => wanted !== undefined && !hasTopic(stream));
  if (missing !== undefined)
    throw new ConfigError(
      `--streams got "${missing}", whose topic ${topicOf(settings.topicPrefix, missing)} is not there: nothing was changed`,
    );
  const streams = chosen.filter(hasTopic);
  if (streams.length === 0) throw new ConfigError('no stream has a topic yet: run npm run produce first');
  if (wanted !== undefined) return streams;
  // Of all there are, those that hold something.
  const full: string[] = [];
  for (const stream of streams) {
    const offsets = await askKafka(settings.kafka, signal, () =>
      admin.fetchTopicOffsets(topicOf(settings.topicPrefix, stream)),
    );
    if (offsets.some(({ low, high }) => low !== high)) full.push(stream);
  }
  return full;
}
