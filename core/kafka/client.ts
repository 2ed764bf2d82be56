import {
  Kafka,
  logLevel,
  type Admin,
  type ITopicConfig,
  type KafkaConfig,
  type LogEntry,
  type RetryOptions,
  type SASLOptions,
} from 'kafkajs';
import pLimit, { type LimitFunction } from 'p-limit';
import type { PartitionEnd } from './caught-up.ts';
import type { Settings } from '../settings/config.ts';
import { ServiceUnavailableError } from '../errors.ts';
import { kafkaError } from './kafka-error.ts';
import { replaceKafkajsDecoder } from './decoder/kafkajs-decoder.ts';
import { extendKafkajsMetadata, type PartitionMetadataWithId } from './kafkajs-metadata.ts';
import { logger } from '../logger.ts';
import { probeRetry, retry, serviceRetry, type RetryPolicy } from '../retry.ts';
import { wantedTopicConfig } from './topic-retention.ts';

/** Partitions of a stream's topic: the most sinks that can share one stream. */
const PARTITIONS = 4;

/** Short first waits: kafkajs backs off on answers that are normal within a transaction or a rebalance. */
const patientRetry: RetryOptions = {
  initialRetryTime: 50,
  multiplier: 1.6,
  retries: 12,
  maxRetryTime: 10_000,
};

/** For the first contact, whose failure the caller reports: one attempt, no log lines. */
export const probeOptions: Partial<KafkaConfig> = {
  retry: { retries: 0 },
  logCreator: () => () => undefined,
};

/** The Kafka client of this process; its log lines become ours. */
export function createKafka(
  settings: Settings['kafka'],
  role: string,
  options: Partial<KafkaConfig> = {},
): Kafka {
  replaceKafkajsDecoder();
  extendKafkajsMetadata();
  const { sasl } = settings;
  return new Kafka({
    clientId: `chartmogul-${role}`,
    brokers: [...settings.brokers],
    ssl: settings.ssl,
    ...(sasl && { sasl: saslOptions(sasl) }),
    connectionTimeout: 5_000,
    requestTimeout: 30_000,
    retry: patientRetry,
    logLevel: logLevel.ERROR,
    logCreator: () => logKafka,
    ...options,
  });
}

/**
 * Of what kafkajs says of a broker, only that it is away, and that seldom: it tries again by itself, and what it cannot mend
 * reaches us as an error.
 */
function logKafka({ namespace, log }: LogEntry): void {
  const isAway =
    namespace === 'Connection' &&
    /^Connection (error|timeout)/.test(log.message) &&
    performance.now() - awaySaidMs > SAY_AWAY_EVERY_MS;
  if (isAway) awaySaidMs = performance.now();
  logger[isAway ? 'warn' : 'debug']({ kafka: namespace, broker: log['broker'] as unknown }, log.message);
}

const SAY_AWAY_EVERY_MS = 10_000;
let awaySaidMs = -Infinity;

/** kafkajs wants the mechanism as a literal type. */
function saslOptions({ mechanism, username, password }: NonNullable<Settings['kafka']['sasl']>): SASLOptions {
  const credentials = { username, password: password.reveal() };
  if (mechanism === 'plain') return { mechanism, ...credentials };
  return mechanism === 'scram-sha-256' ? { mechanism, ...credentials } : { mechanism, ...credentials };
}

/**
 * A connected admin client, once Kafka has been seen to answer; the caller disconnects it.
 *
 * @throws ServiceUnavailableError or ServiceRefusedError naming KAFKA_BROKERS and the cure.
 */
export async function connectAdmin(
  settings: Settings['kafka'],
  role: string,
  signal: AbortSignal,
): Promise<Admin> {
  // Whoever waits for the first contact wants to know soon; the client for the work itself is patient.
  const hasty = createKafka(settings, role, probeOptions).admin();
  await retry({ service: 'kafka' }, probeRetry, signal, async () => {
    try {
      await hasty.connect();
      // A broker lets one connect before it has let one in: ask something.
      await hasty.describeCluster();
    } catch (error) {
      throw kafkaError(error, settings);
    } finally {
      await hasty.disconnect();
    }
  });
  const admin = createKafka(settings, role).admin();
  try {
    await admin.connect();
  } catch (error) {
    await admin.disconnect();
    throw kafkaError(error, settings);
  }
  return admin;
}

/**
 * Creates those of the topics that are missing, as {@link wantedTopicConfig} says; those that are there stay as they are. Returns
 * when every partition answers: a client that comes sooner is told that there is no leader, or waits minutes for one.
 */
export async function ensureTopics(
  admin: Admin,
  settings: Settings['kafka'],
  topics: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const existing = new Set(await askKafka(settings, signal, () => admin.listTopics()));
  const missing = topics.filter((topic) => !existing.has(topic));
  if (missing.length === 0) return;
  await askKafka(settings, signal, () =>
    admin.createTopics({
      topics: missing.map((topic) => topicConfig(topic, settings)),
      waitForLeaders: true,
    }),
  );
  for (const topic of missing) await askKafka(settings, signal, () => admin.fetchTopicOffsets(topic));
}

/** Asks until Kafka answers: right after a change of leaders it refuses what it will grant in a moment. */
export function askKafka<T>(
  settings: Settings['kafka'],
  signal: AbortSignal,
  ask: () => Promise<T>,
  policy: RetryPolicy = serviceRetry,
): Promise<T> {
  return retry({ service: 'kafka' }, policy, signal, async () => {
    try {
      return await ask();
    } catch (error) {
      throw kafkaError(error, settings);
    }
  });
}

/** Asks Kafka something until it answers. */
export type AskAdmin = <T>(question: (admin: Admin) => Promise<T>) => Promise<T>;

/** See {@link askKafka}. Each admin client handles one request at a time. */
export function adminAsker(
  settings: Settings['kafka'],
  admin: Admin,
  signal: AbortSignal,
  policy?: RetryPolicy,
): AskAdmin {
  const next = turnsOf(admin);
  return (question) => askKafka(settings, signal, () => next(() => question(admin)), policy);
}

/**
 * kafkajs overwrites an admin client's metadata with each answer, so concurrent requests mix it up.
 */
function turnsOf(admin: Admin): LimitFunction {
  const turns = turnsByAdmin.get(admin) ?? pLimit(1);
  turnsByAdmin.set(admin, turns);
  return turns;
}

const turnsByAdmin = new WeakMap<Admin, LimitFunction>();

/** What Kafka says of a topic. */
export interface TopicDescription {
  /** The first 8 bytes of its id, which no other topic has had; 0 where the broker gives none (before Kafka 2.8). */
  readonly id: bigint;
  readonly partitionCount: number;
}

/** Those of the topics that exist; all that Kafka has unless some are named. */
export async function describeTopics(
  ask: AskAdmin,
  topics: readonly string[] = [],
): Promise<ReadonlyMap<string, TopicDescription>> {
  const answer = await ask((admin) => admin.fetchTopicMetadata({ topics: [...topics] }));
  return new Map(
    answer.topics.map(({ name, partitions }) => [
      name,
      { id: topicIdOf(partitions), partitionCount: partitions.length },
    ]),
  );
}

function topicIdOf([partition]: readonly PartitionMetadataWithId[]): bigint {
  return BigInt(`0x${partition?.topicId?.slice(0, 16) ?? '0'}`);
}

/** A topic's id and the offsets of its partitions; undefined if there is no such topic. */
export async function readTopic(
  ask: AskAdmin,
  topic: string,
): Promise<{ readonly id: bigint; readonly offsets: readonly TopicOffsets[] } | undefined> {
  // In one attempt: a topic that is deleted in between makes it fail, and is seen to be gone by the next.
  return ask(async (admin) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    const [found] = topics;
    if (found === undefined) return undefined;
    const offsets = await admin.fetchTopicOffsets(topic);
    if (offsets.length === 0)
      throw new ServiceUnavailableError(`topic ${topic} changed while its offsets were read`);
    return { id: topicIdOf(found.partitions), offsets };
  });
}

type TopicOffsets = Awaited<ReturnType<Admin['fetchTopicOffsets']>>[number];

/**
 * Where the partitions that hold anything end now. One after the other: a look-up that is still under way when another has
 * failed would keep its connection open.
 */
export async function partitionEnds(ask: AskAdmin, topics: readonly string[]): Promise<PartitionEnd[]> {
  const ends: PartitionEnd[] = [];
  for (const topic of topics) {
    for (const { partition, low, high } of (await readTopic(ask, topic))?.offsets ?? []) {
      if (low !== high) ends.push({ topic, partition, end: BigInt(high) });
    }
  }
  return ends;
}

function topicConfig(topic: string, { tombstoneRetentionDays }: Settings['kafka']): ITopicConfig {
  const entries = Object.entries(wantedTopicConfig(topic, tombstoneRetentionDays));
  return {
    topic,
    numPartitions: PARTITIONS,
    configEntries: entries.map(([name, value]) => ({ name, value })),
  };
}
