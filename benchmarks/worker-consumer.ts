import { Kafka, logLevel, type EachBatchPayload } from 'kafkajs';
import type { Settings } from '../core/settings/config.ts';
import { topicOf } from '../core/stream-name.ts';
import { invoiceStream } from './invoice-topic.ts';

/**
 * Lines that a contender prints: READY when it has its partitions, and DONE when it has consumed
 * all messages. Not every contender prints DONE.
 */
export const READY = 'ready';
export const DONE = 'done';

/**
 * Consumes like an ordinary kafkajs program, with up to 4 MiB per partition and fetch, until the
 * signal aborts. Prints {@link READY} when it has its partitions.
 * @throws the error with which the consumer crashed.
 */
export async function consumeInvoices(
  { kafka, topicPrefix, clickhouse }: Settings,
  eachBatch: (payload: EachBatchPayload) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const client = new Kafka({ clientId: 'bench', brokers: [...kafka.brokers], logLevel: logLevel.ERROR });
  const consumer = client.consumer({
    groupId: `bench.${clickhouse.database}`,
    maxBytesPerPartition: 4 * 1024 * 1024,
    maxWaitTimeInMs: 100,
  });
  const crashed = new Promise<never>((_, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
  });
  crashed.catch(() => {});
  const stopped = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  try {
    await consumer.connect();
    await consumer.subscribe({ topic: topicOf(topicPrefix, invoiceStream), fromBeginning: true });
    await consumer.run({ partitionsConsumedConcurrently: 4, eachBatch });
    process.stdout.write(`${READY}\n`);
    await Promise.race([crashed, stopped]);
  } finally {
    await consumer.disconnect();
  }
}
