import pLimit from 'p-limit';
import { withConnections } from '../../core/connections.ts';
import type { Settings } from '../../core/settings/config.ts';
import { ConfigError, messageOf } from '../../core/errors.ts';
import { logger } from '../../core/logger.ts';
import { topicOf } from '../../core/stream-name.ts';
import { chooseStreams, requireHistoryStreams } from '../../consumers/run/choose-streams.ts';
import type { SinkServices } from '../../consumers/stream/create-stream-sink.ts';
import { DeadLetters } from '../../consumers/stream/dead-letters.ts';
import { DeadLetterIndex } from '../../consumers/stream/dead-letter-index.ts';
import { Outages } from '../../consumers/run/outages.ts';
import { RowBuffers } from '../../consumers/stream/row-buffers.ts';
import { TABLES_SIDE_BY_SIDE } from '../../consumers/run/sink.ts';
import { ReplayCounts } from './replay-counts.ts';
import { planReplay, type ReplayPlan } from './replay-plan.ts';
import { StreamReplay } from './stream-replay.ts';

/** Number of streams that are replayed at the same time. */
const STREAMS_SIDE_BY_SIDE = 2;

export interface ReplayOptions {
  /** Undefined for all streams that have a topic with messages. */
  readonly streams: readonly string[] | undefined;
  /** ms since 1970; undefined for the beginning. */
  readonly from: number | undefined;
}

/**
 * Rebuilds the tables of streams from their topics, several concurrently. A stream that fails does
 * not affect the others, and keeps its table unless it fails after the swap.
 * @param counts receives the counts of each stream, which change during the replay.
 * @throws ConfigError, ServiceUnavailableError or ServiceRefusedError before anything is changed.
 */
export async function replay(
  settings: Settings,
  options: ReplayOptions,
  signal: AbortSignal,
  counts: ReplayCounts[] = [],
): Promise<readonly ReplayCounts[]> {
  return withReplayServices(settings, signal, async (services) => {
    const streams = await replayedStreams(services, options);
    const rejected = await DeadLetterIndex.read(services);
    counts.push(...streams.map((stream) => new ReplayCounts(stream)));
    const limit = pLimit(STREAMS_SIDE_BY_SIDE);
    await Promise.all(counts.map((count) => limit(() => replayOne(services, options, rejected, count))));
    return counts;
  });
}

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

/** Never throws: the counts contain the failure. */
async function replayOne(
  services: SinkServices,
  { from }: ReplayOptions,
  rejected: DeadLetterIndex,
  counts: ReplayCounts,
): Promise<void> {
  const { stream } = counts;
  try {
    await new StreamReplay(services, { stream, from, rejected }, counts).run();
    const { rows, liveBefore: before, liveAfter: after } = counts;
    logger.info({ stream, rows, before, after }, 'replayed');
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
  const role = { name: 'replay', needs: ['admin', 'registry', 'database'] } as const;
  return withConnections(settings, role, signal, async (connections) => {
    const deadLetters = new DeadLetters(connections);
    try {
      return await work({
        ...connections,
        deadLetters,
        limit: pLimit(TABLES_SIDE_BY_SIDE),
        buffers: new RowBuffers(),
        outages: new Outages(),
      });
    } finally {
      await deadLetters.close();
    }
  });
}

/**
 * Returns the streams to replay.
 * @throws ConfigError for an unknown stream in `--streams` or HISTORY_STREAMS, for a requested
 *   stream without a topic, or if no stream has a topic.
 */
async function replayedStreams(
  services: SinkServices,
  { streams: wanted }: ReplayOptions,
): Promise<string[]> {
  const { settings, admin } = services;
  const topics = new Set(await admin.listTopics());
  requireHistoryStreams([...topics], settings.topicPrefix, settings.clickhouse.historyStreams);
  const hasTopic = (stream: string) => topics.has(topicOf(settings.topicPrefix, stream));
  const chosen = chooseStreams([...topics], settings.topicPrefix, wanted);
  const missing = chosen.find((stream) => wanted !== undefined && !hasTopic(stream));
  if (missing !== undefined)
    throw new ConfigError(
      `--streams must name streams that have a topic; got "${missing}", whose topic ${topicOf(settings.topicPrefix, missing)} does not exist: nothing was changed`,
    );
  const streams = chosen.filter(hasTopic);
  if (streams.length === 0) throw new ConfigError('no stream has a topic yet: run npm run produce first');
  if (wanted !== undefined) return streams;
  // Without --streams, empty topics are skipped.
  const full: string[] = [];
  for (const stream of streams) {
    if ((await admin.endOffsets([topicOf(settings.topicPrefix, stream)])).length > 0) full.push(stream);
  }
  return full;
}
