import { Registry } from '../../core/avro/registry.ts';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import { framed } from '../../core/avro/wire-format.ts';
import type { Settings } from '../../core/settings/config.ts';
import { messageOf } from '../../core/errors.ts';
import { createKafka, producerOptions } from '../../core/kafka/client.ts';
import { logger } from '../../core/logger.ts';
import { subjectOf, topicOf } from '../../core/stream-name.ts';
import { RecordEncoder } from '../encode/record-encoder.ts';
import { runRecord } from '../report/run-record.ts';
import type { StreamCounts } from '../report/stream-counts.ts';

/** The stream that contains a record for each run and stream. */
export const RUNS = 'runs';

const DEADLINE_MS = 5_000;

/**
 * Records the results of a run. Uses its own signal, so that even a stopped run is recorded. Logs a
 * failure instead of throwing it.
 */
export async function sendRun(
  { kafka, schemaRegistry, topicPrefix }: Settings,
  run: string,
  counts: readonly StreamCounts[],
): Promise<void> {
  const producer = createKafka(kafka, 'runs', { retry: { retries: 5 } }).producer(producerOptions);
  try {
    const registry = new Registry(schemaRegistry, AbortSignal.timeout(DEADLINE_MS));
    const schema = readStreamSchema(RUNS);
    const schemaId = await registry.register(subjectOf(topicPrefix, RUNS), schema);
    const encoder = new RecordEncoder(schema);
    const messages = counts.map((streamCounts) => {
      const encoded = encoder.encode(runRecord(run, streamCounts));
      if (encoded.drifts !== undefined) throw new RangeError('schemas/runs.avsc lacks a field of the run');
      return { key: encoded.key, value: framed(schemaId, encoded.avro) };
    });
    await producer.connect();
    await producer.send({ topic: topicOf(topicPrefix, RUNS), messages, acks: -1 });
  } catch (error) {
    logger.warn({ stream: RUNS, reason: messageOf(error) }, 'the run could not be recorded');
  } finally {
    await producer.disconnect();
  }
}
