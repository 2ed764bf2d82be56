import { setMaxListeners } from 'node:events';
import { Partitioners } from 'kafkajs';
import { Registry } from '../core/avro/registry.ts';
import type { Settings } from '../core/config.ts';
import { AuthenticationError, messageOf } from '../core/errors.ts';
import { connectAdmin, createKafka, ensureTopics, mendKafkaError } from '../core/kafka.ts';
import { logger } from '../core/logger.ts';
import { probeRetry } from '../core/retry.ts';
import { topicOf } from '../core/stream-name.ts';
import { ChartMogulClient } from './chartmogul/client.ts';
import type { StreamSpec } from './chartmogul/streams.ts';
import { produceStream, type ProduceContext } from './produce-stream.ts';
import { createStreamCounts, type StreamCounts } from './stream-counts.ts';

/**
 * One pass over the streams, side by side. A stream that fails leaves the others whole; a refused key stops them all.
 * Nothing is written before every service has answered.
 *
 * @returns the counts of each stream, in the order given.
 * @throws ConfigError, ServiceUnavailableError, ServiceRefusedError before any stream begins; the signal's reason.
 */
export async function produce(
  settings: Settings,
  specs: readonly StreamSpec[],
  signal: AbortSignal,
): Promise<readonly StreamCounts[]> {
  // A refused key aborts the streams that are still running.
  const stop = new AbortController();
  const running = AbortSignal.any([signal, stop.signal]);
  setMaxListeners(0, running);
  const client = new ChartMogulClient(settings.chartmogul, running);
  const registry = new Registry(settings.schemaRegistry, running);
  const kafka = createKafka(settings.kafka, 'produce');
  await registry.probe(probeRetry);
  const admin = await connectAdmin(settings.kafka, 'produce', signal);
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  try {
    const topics = specs.map(({ name }) => topicOf(settings.topicPrefix, name));
    await ensureTopics(admin, settings.kafka, topics, signal);
    await producer.connect();
    const context: ProduceContext = { settings, client, registry, producer, signal: running };
    const counts = await Promise.all(specs.map((spec) => runStream(context, spec, stop)));
    signal.throwIfAborted();
    return counts;
  } catch (error) {
    throw mendKafkaError(error, settings.kafka);
  } finally {
    await Promise.all([producer.disconnect(), admin.disconnect(), client.close()]);
  }
}

/** Never throws: what went wrong stands in the counts. */
async function runStream(
  context: ProduceContext,
  spec: StreamSpec,
  stop: AbortController,
): Promise<StreamCounts> {
  const counts = createStreamCounts(spec.name, topicOf(context.settings.topicPrefix, spec.name));
  const startMs = performance.now();
  try {
    await produceStream(context, spec, counts);
  } catch (error) {
    if (error instanceof AuthenticationError) stop.abort(error);
    counts.failure = error instanceof Error ? error : new Error(messageOf(error));
    if (!context.signal.aborted)
      logger.error({ stream: spec.name, reason: messageOf(error) }, 'stream failed');
  }
  counts.seconds = Math.round((performance.now() - startMs) / 100) / 10;
  const { stream, pages, records, rejected } = counts;
  if (counts.failure === undefined)
    logger.info({ stream, pages, records, rejected, seconds: counts.seconds }, 'stream read');
  return counts;
}
