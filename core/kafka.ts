import { Kafka, logLevel, type Admin, type ITopicConfig, type LogEntry } from 'kafkajs';
import type { Settings } from './config.ts';
import { EtlError, messageOf, ServiceRefusedError, ServiceUnavailableError } from './errors.ts';
import { logger } from './logger.ts';
import { probeRetry, retry } from './retry.ts';

/** Partitions of a stream's topic: the most sinks that can share one stream. */
const PARTITIONS = 4;

/** How long a sink may be away and still learn of a delete. */
const TOMBSTONE_RETENTION_MS = 7 * 24 * 3_600_000;

/** The Kafka client of this process; its log lines become ours. */
export function createKafka(settings: Settings['kafka'], role: string): Kafka {
  const { sasl } = settings;
  return new Kafka({
    clientId: `chartmogul-${role}`,
    brokers: [...settings.brokers],
    ssl: settings.ssl,
    ...(sasl && {
      sasl: { mechanism: sasl.mechanism as 'plain', username: sasl.username, password: sasl.password.reveal() },
    }),
    connectionTimeout: 5_000,
    requestTimeout: 30_000,
    // Short first waits: kafkajs backs off on answers that are normal within a transaction or a rebalance.
    retry: { initialRetryTime: 50, multiplier: 1.6, retries: 12, maxRetryTime: 10_000 },
    logLevel: logLevel.ERROR,
    logCreator: () => logKafka,
  });
}

/** What kafkajs says of a broker is for a debug log: what it could not mend reaches us as an error. */
function logKafka({ namespace, log }: LogEntry): void {
  logger.debug({ kafka: namespace, broker: log['broker'] as unknown }, log.message);
}

/**
 * A connected admin client; the caller disconnects it.
 *
 * @throws ServiceUnavailableError or ServiceRefusedError naming KAFKA_BROKERS and the cure.
 */
export async function connectAdmin(kafka: Kafka, settings: Settings['kafka'], signal: AbortSignal): Promise<Admin> {
  return retry({ service: 'kafka' }, probeRetry, signal, async () => {
    const admin = kafka.admin({ retry: { retries: 0 } });
    try {
      await admin.connect();
      // Connecting answers before the broker has let us in: ask something.
      await admin.describeCluster();
    } catch (error) {
      await admin.disconnect();
      throw kafkaError(error, settings);
    }
    await admin.disconnect();
    const patient = kafka.admin();
    await patient.connect();
    return patient;
  });
}

/** Creates those of the topics that are missing: compacted, so that the latest record of every key stays for ever. */
export async function ensureTopics(admin: Admin, topics: readonly string[]): Promise<void> {
  const existing = new Set(await admin.listTopics());
  const missing = topics.filter((topic) => !existing.has(topic));
  if (missing.length > 0) await admin.createTopics({ topics: missing.map(topicConfig), waitForLeaders: true });
}

function topicConfig(topic: string): ITopicConfig {
  const entries = {
    'cleanup.policy': 'compact',
    'delete.retention.ms': TOMBSTONE_RETENTION_MS,
    // The broker's clock, not a producer's, orders the versions of a row.
    'message.timestamp.type': 'LogAppendTime',
  };
  return {
    topic,
    numPartitions: PARTITIONS,
    configEntries: Object.entries(entries).map(([name, value]) => ({ name, value: String(value) })),
  };
}

/** What a failure of kafkajs means for us. Errors of our own pass unchanged. */
export function kafkaError(error: unknown, settings: Settings['kafka']): EtlError {
  if (error instanceof EtlError) return error;
  const at = `${settings.brokers.join(',')} (KAFKA_BROKERS)`;
  const name = error instanceof Error ? error.name : '';
  if (name === 'KafkaJSSASLAuthenticationError' || name === 'KafkaJSUnsupportedSaslMechanismError') {
    return new ServiceRefusedError(
      `Kafka at ${at} refuses us: ${messageOf(error)}; check KAFKA_USERNAME, KAFKA_PASSWORD and KAFKA_SASL_MECHANISM`,
      { cause: error },
    );
  }
  const isRefusal = error instanceof Error && 'type' in error && /AUTHORIZATION_FAILED$/.test(String(error.type));
  if (isRefusal) return new ServiceRefusedError(`Kafka at ${at} refuses: ${messageOf(error)}`, { cause: error });
  return new ServiceUnavailableError(`Kafka does not answer at ${at}: ${messageOf(error)}`, { cause: error });
}
