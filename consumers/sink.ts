import type { Admin } from 'kafkajs';
import { Registry } from '../core/avro/registry.ts';
import { streamNames } from '../core/avro/schema-files.ts';
import {
  clickHouseError,
  createClickHouse,
  probeClickHouse,
  quoted,
  type ClickHouseClient,
} from '../core/clickhouse.ts';
import type { Settings } from '../core/config.ts';
import { ConfigError, IncompatibleSchemaError } from '../core/errors.ts';
import { askKafka, connectAdmin, ensureTopics, mendKafkaError } from '../core/kafka.ts';
import { logger } from '../core/logger.ts';
import { probeRetry } from '../core/retry.ts';
import { streamOfTopic, subjectOf, topicOf } from '../core/stream-name.ts';
import { StorageTable } from './clickhouse/storage-table.ts';
import { isDerivedView } from './clickhouse/view.ts';
import { consume, type SinkOptions } from './consume.ts';
import { StreamSink, type SinkCounts } from './stream-sink.ts';

/**
 * Consumes the topics of the streams and inserts them into their tables until the signal aborts or, on demand, until caught
 * up. A stream that fails is left where it stands; the others go on.
 *
 * @returns what each stream's sink did.
 * @throws ConfigError, ServiceUnavailableError or ServiceRefusedError before anything is consumed.
 */
export async function sink(
  settings: Settings,
  options: SinkOptions,
  signal: AbortSignal,
): Promise<readonly SinkCounts[]> {
  const registry = new Registry(settings.schemaRegistry, signal);
  const clickhouse = createClickHouse(settings.clickhouse);
  await registry.probe(probeRetry);
  await probeClickHouse(clickhouse, settings.clickhouse, signal);
  const admin = await connectAdmin(settings.kafka, 'sink', signal);
  try {
    await createDatabase(clickhouse, settings);
    const sinks = await prepareSinks(settings, options, { admin, registry, clickhouse, signal });
    await consume(admin, settings, options, sinks, signal);
    return [...sinks.values()].map(({ counts }) => counts);
  } catch (error) {
    throw mendKafkaError(error, settings.kafka);
  } finally {
    await Promise.all([admin.disconnect(), clickhouse.close()]);
  }
}

interface Services {
  readonly admin: Admin;
  readonly registry: Registry;
  readonly clickhouse: ClickHouseClient;
  readonly signal: AbortSignal;
}

async function createDatabase(
  clickhouse: ClickHouseClient,
  { clickhouse: settings }: Settings,
): Promise<void> {
  try {
    await clickhouse.command({ query: `CREATE DATABASE IF NOT EXISTS ${quoted(settings.database)}` });
  } catch (error) {
    throw clickHouseError(error, settings, `database ${settings.database}`);
  }
}

/** The sink of each topic, its table made. A stream that fails here is not consumed. */
async function prepareSinks(
  { topicPrefix, kafka, clickhouse: target }: Settings,
  options: SinkOptions,
  { admin, registry, clickhouse, signal }: Services,
): Promise<Map<string, StreamSink>> {
  const existing = await askKafka(kafka, signal, () => admin.listTopics());
  const streams: string[] = [];
  for (const stream of chooseStreams(existing, topicPrefix, options.streams)) {
    if (!isDerivedView(stream) || (await isProduced(stream, existing, topicPrefix, registry)))
      streams.push(stream);
    else if (options.streams !== undefined)
      logger.info({ stream }, 'never produced: its view is made from another stream');
  }
  const topics = streams.map((stream) => topicOf(topicPrefix, stream));
  await ensureTopics(admin, kafka, topics, signal);
  const prepared = streams.map(async (stream) => {
    const table = new StorageTable(clickhouse, target, stream, signal);
    const streamSink = new StreamSink(registry, table);
    await streamSink
      .prepare(subjectOf(topicPrefix, stream))
      .catch((error: unknown) => streamSink.fail(error));
    return [topicOf(topicPrefix, stream), streamSink] as const;
  });
  return new Map(await Promise.all(prepared));
}

/** The streams that have a schema file, and those that have a topic under the prefix. */
function chooseStreams(
  topics: readonly string[],
  prefix: string,
  wanted: readonly string[] | undefined,
): string[] {
  const found = topics.flatMap((topic) => streamOfTopic(prefix, topic) ?? []);
  const known = [...new Set([...streamNames, ...found])].sort();
  const unknown = wanted?.find((stream) => !known.includes(stream));
  if (unknown !== undefined)
    throw new ConfigError(`--streams got "${unknown}", wants some of ${known.join(', ')}`);
  return known.filter((stream) => wanted?.includes(stream) ?? true);
}

/**
 * Whether the stream has a topic or a subject. A stream that would take the place of a derived view is sunk only then: a source
 * that does not list it by itself must not get an empty table for it. All others are awaited.
 */
async function isProduced(
  stream: string,
  topics: readonly string[],
  prefix: string,
  registry: Registry,
): Promise<boolean> {
  if (topics.includes(topicOf(prefix, stream))) return true;
  try {
    return (await registry.latest(subjectOf(prefix, stream))) !== undefined;
  } catch (error) {
    // The stream's own sink will say so, and fail alone.
    if (error instanceof IncompatibleSchemaError) return true;
    throw error;
  }
}
