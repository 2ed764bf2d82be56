import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { TestContext } from 'node:test';
import { createClickHouse, quoted } from '../../core/clickhouse/client.ts';
import { loadSettings, type Settings } from '../../core/settings/config.ts';
import { createKafka } from '../../core/kafka/client.ts';
import { logger } from '../../core/logger.ts';
import { Secret } from '../../core/settings/secret.ts';

/** A signal that never aborts, for calls that a test awaits. */
export const noSignal = new AbortController().signal;
setMaxListeners(0, noSignal);

// Silent unless LOG is set, because tests cause errors on purpose and check the outcome.
logger.level = process.env['LOG'] ?? 'silent';

/**
 * Returns settings for the services of the test run, with a separate topic prefix and database for
 * this test. The topics and the database are removed after the test.
 */
export function createSettings(t: TestContext, baseUrl = 'http://127.0.0.1:1/v1'): Settings {
  const shared = loadSettings(process.env, '');
  const name = `test_${randomUUID().replaceAll('-', '').slice(0, 12)}`;
  const settings: Settings = {
    ...shared,
    chartmogul: { apiKey: new Secret('test-key'), baseUrl, maxRequestsPerSecond: 5_000 },
    topicPrefix: `${name}.`,
    clickhouse: { ...shared.clickhouse, database: name },
  };
  t.after(() => removeAll(settings));
  return settings;
}

/**
 * Returns the settings as environment variables for a child process. For custom streams, a test
 * must add a CONFIG_FILE.
 */
export function environmentOf(settings: Settings): NodeJS.ProcessEnv {
  const { metrics, fullRoundDays, massDeletePercent, modes } = settings.produce;
  return {
    PATH: process.env['PATH'],
    CHARTMOGUL_API_KEY: settings.chartmogul.apiKey?.reveal(),
    CHARTMOGUL_BASE_URL: settings.chartmogul.baseUrl,
    CHARTMOGUL_MAX_REQUESTS_PER_SECOND: String(settings.chartmogul.maxRequestsPerSecond),
    METRICS_START_DATE: metrics.startDate,
    METRICS_INTERVALS: metrics.intervals.join(','),
    METRICS_LOOK_BACK_DAYS: String(metrics.lookBackDays ?? ''),
    FULL_ROUND_DAYS: String(fullRoundDays),
    MASS_DELETE_PERCENT: String(massDeletePercent),
    STREAM_MODES: [...modes].map(([stream, mode]) => `${stream}=${mode}`).join(','),
    KAFKA_BROKERS: settings.kafka.brokers.join(','),
    SCHEMA_REGISTRY_URL: settings.schemaRegistry.url,
    CLICKHOUSE_URL: settings.clickhouse.url,
    CLICKHOUSE_USERNAME: settings.clickhouse.credentials?.username,
    CLICKHOUSE_PASSWORD: settings.clickhouse.credentials?.password.reveal(),
    CLICKHOUSE_DATABASE: settings.clickhouse.database,
    TOPIC_PREFIX: settings.topicPrefix,
    HISTORY_STREAMS: settings.clickhouse.historyStreams?.join(',') ?? '',
    DATA_DIR: settings.dataDir,
  };
}

async function removeAll({ kafka, clickhouse, topicPrefix }: Settings): Promise<void> {
  const client = createClickHouse(clickhouse);
  await client.command({ query: `DROP DATABASE IF EXISTS ${quoted(clickhouse.database)}` });
  await client.close();
  // Without retries: kafkajs retries for 30 s if another client has just deleted one of the topics.
  const admin = createKafka(kafka, 'test', { retry: { retries: 0 } }).admin();
  try {
    await admin.connect();
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(topicPrefix));
    // The services end with the test run, so a topic that remains does no harm.
    if (topics.length > 0) await admin.deleteTopics({ topics }).catch(() => {});
  } finally {
    await admin.disconnect();
  }
}
