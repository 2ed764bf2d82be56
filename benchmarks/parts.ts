import { Registry } from '../core/avro/registry.ts';
import { Database } from '../core/clickhouse/database.ts';
import { PackedBatch } from '../core/kafka/decoder/packed-batch.ts';
import { decodeFetched } from '../core/kafka/decoder/record-batch.ts';
import { encodeRecordBatch } from '../core/kafka/encoder/record-batch.ts';
import type { Settings } from '../core/settings/config.ts';
import { subjectOf } from '../core/stream-name.ts';
import { addRecord } from '../consumers/stream/add-message.ts';
import { Batch } from '../consumers/stream/batch.ts';
import { StreamSchemas } from '../consumers/stream/stream-schemas.ts';
import { StorageTable } from '../consumers/table/storage-table.ts';
import { RowBuffer } from '../consumers/transcode/row-buffer.ts';
import { withServices } from './environment.ts';
import { median, rounded, say } from './figures.ts';
import { createInvoiceTopic, fillInvoiceTopic, invoiceStream, type InvoiceEncoder } from './invoice-topic.ts';
import type { BenchOptions } from './options.ts';
import { runContender, withDatabase } from './sink-contenders.ts';

const ROWS = 300_000;
const RECORDS_PER_BATCH = 500;
const DATABASE = 'bench_parts';
/** Number of initial runs that are not counted, in which V8 compiles the code. */
const WARM_UP = 2;

type Part = 'decode' | 'transcode' | 'insert';

/**
 * Measures the messages per second of each part of the sink, and of the whole sink. `decode` parses
 * and decompresses fetched record batches, `transcode` turns their records into rows, and `insert`
 * sends a full batch to ClickHouse. `sink` does all of this at the same time, with Kafka on the
 * same cores.
 */
export async function benchParts(signal: AbortSignal, { messages, rounds }: BenchOptions): Promise<object> {
  return withServices(signal, async (settings) => {
    const encoder = await createInvoiceTopic(settings, signal);
    const seconds = new Map<Part, number[]>();
    await withDatabase({ settings, database: DATABASE, messages, signal }, () =>
      measureParts(settings, signal, batchesOf(encoder), rounds, seconds),
    );
    await fillInvoiceTopic(settings, encoder, { from: 0, to: messages }, signal);
    const whole: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const turn = { settings, database: `bench_whole_${round}`, messages, signal };
      whole.push((await runContender('ours', turn)).seconds);
    }
    const rates = [...seconds].map(([part, all]) => [part, rateOf(ROWS, all)] as const);
    const rate = { ...Object.fromEntries(rates), sink: rateOf(messages, whole) };
    return { rows: ROWS, messages, rounds, messages_per_second: rate };
  });
}

/** Returns the median, minimum and maximum rate. */
function rateOf(count: number, seconds: readonly number[]): object {
  const rates = seconds.map((one) => count / one);
  return {
    median: rounded(median(rates)),
    min: rounded(Math.min(...rates)),
    max: rounded(Math.max(...rates)),
  };
}

function batchesOf(encoder: InvoiceEncoder): Buffer[] {
  const producer = { id: -1n, epoch: 0, firstSequence: 0, isTransactional: false };
  return Array.from({ length: ROWS / RECORDS_PER_BATCH }, (_, number) => {
    const first = number * RECORDS_PER_BATCH;
    const messages = Array.from({ length: RECORDS_PER_BATCH }, (_item, index) =>
      encoder.message(first + index, Date.now()),
    );
    const batch = encodeRecordBatch(messages, producer, Date.now());
    batch.writeBigInt64BE(BigInt(first), 0);
    return batch;
  });
}

async function measureParts(
  settings: Settings,
  signal: AbortSignal,
  fetched: readonly Buffer[],
  rounds: number,
  seconds: Map<Part, number[]>,
): Promise<void> {
  const registry = new Registry(settings.schemaRegistry, signal);
  const database = await Database.connect({ ...settings.clickhouse, database: DATABASE }, signal);
  const table = new StorageTable({ database, stream: invoiceStream });
  const schemas = new StreamSchemas(registry, subjectOf(settings.topicPrefix, invoiceStream), table);
  const rows = new RowBuffer();
  const { signal: generation } = new AbortController();
  try {
    await schemas.learnLatest();
    await table.partitionRows();
    for (let round = -WARM_UP; round < rounds; round++) {
      const measure = async <T>(part: Part, work: () => Promise<T>): Promise<T> => {
        const startMs = performance.now();
        const result = await work();
        const took = (performance.now() - startMs) / 1000;
        if (round >= 0) seconds.set(part, [...(seconds.get(part) ?? []), took]);
        say(`${part}: ${rounded(ROWS / took)} messages/s`);
        return result;
      };
      const decoded = await measure('decode', () =>
        Promise.all(fetched.map((bytes) => decodeFetched(bytes))),
      );
      rows.length = 0;
      const batch = new Batch(table.columns, rows, 0n, false);
      await measure('transcode', () => {
        for (const one of decoded.flatMap((all) => [...all]))
          if (one instanceof PackedBatch) addAll(batch, schemas, one);
        return Promise.resolve();
      });
      const { columns, ranges } = batch;
      const inserted = { columns, rows: rows.bytes.subarray(0, rows.length), token: batch.token(), ranges };
      await measure('insert', () => table.insert(inserted, generation));
    }
  } finally {
    await database.close();
  }
}

function addAll(batch: Batch, schemas: StreamSchemas, packed: PackedBatch): void {
  const record = packed.records();
  while (record.next()) addRecord(batch, schemas, 0, record);
}
