import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import type { Producer } from 'kafkajs';
import type { Registry } from '../core/avro/registry.ts';
import type { Settings } from '../core/config.ts';
import { mendKafkaError } from '../core/kafka.ts';
import { KafkaWritable } from './kafka-writable.ts';
import type { ChartMogulClient } from './chartmogul/client.ts';
import { createSourceReadable } from './chartmogul/source.ts';
import type { StreamSpec } from './chartmogul/streams.ts';
import type { StreamCounts } from './stream-counts.ts';
import { StreamEncoder } from './stream-encoder.ts';

/** What the streams of a run share. */
export interface ProduceContext {
  readonly settings: Settings;
  readonly client: ChartMogulClient;
  readonly registry: Registry;
  readonly producer: Producer;
  readonly signal: AbortSignal;
}

/**
 * Reads one stream to its end: pages → records → Avro → topic, counting into `counts`. Back pressure runs from Kafka to the
 * HTTP socket: while a batch is unacknowledged, at most one page waits and the next is not asked for.
 */
export async function produceStream(
  context: ProduceContext,
  spec: StreamSpec,
  counts: StreamCounts,
): Promise<void> {
  const { settings, client, registry, producer, signal } = context;
  const encoder = await StreamEncoder.create({
    registry,
    topicPrefix: settings.topicPrefix,
    stream: spec.name,
    onRejected: () => counts.rejected++,
    onNewField: (field) => counts.newFields.push(field),
  });
  const source = createSourceReadable(client, spec, {
    onRequest: () => counts.requests++,
    onRetry: () => counts.retries++,
    onPage: (records) => {
      counts.pages++;
      counts.records += records;
    },
  });
  const target = new KafkaWritable({
    producer,
    topic: counts.topic,
    onSent: (messages, bytes) => {
      counts.messages += messages;
      counts.bytes += bytes;
    },
  });
  try {
    await pipeline(source, (records) => encoder.messages(records), target, { signal });
  } catch (error) {
    // A batch may still be on its way: a producer that is disconnected under it connects again, and never ends.
    if (!target.closed) await once(target, 'close');
    signal.throwIfAborted();
    throw mendKafkaError(error, settings.kafka);
  }
}
