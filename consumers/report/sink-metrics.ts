import { Registry } from 'prom-client';
import { addMetric, type Metric, type Sample } from '../../core/metrics-server.ts';
import type { SinkCounts } from './sink-counts.ts';

/** The metrics of each table, by name without the prefix `chartmogul_sink_`. */
const tableMetrics: Readonly<
  Record<string, readonly [kind: Metric['kind'], of: (counts: SinkCounts) => number, help: string]>
> = {
  rows_total: ['counter', ({ rows }) => rows, 'Rows that ClickHouse has acknowledged, including deletes'],
  bytes_total: [
    'counter',
    ({ bytes }) => bytes,
    'RowBinary bytes of the rows that ClickHouse has acknowledged',
  ],
  batches_total: ['counter', ({ batches }) => batches, 'Inserts that ClickHouse has acknowledged'],
  insert_seconds_total: [
    'counter',
    ({ insertSeconds }) => insertSeconds,
    'Total duration of the inserts that ClickHouse has acknowledged',
  ],
  batch_age_seconds: [
    'gauge',
    ({ oldestRowMs }) => secondsSince(oldestRowMs),
    'Age of the batch that is being filled, 0 if there is none',
  ],
  buffered_messages: [
    'gauge',
    ({ buffered }) => buffered,
    'Offsets that were consumed but are not inserted yet, including transaction markers and gaps left by compaction',
  ],
  stalled_seconds: [
    'gauge',
    ({ stalledSinceMs }) => secondsSince(stalledSinceMs),
    'Time for which there has been a lag but no insert, 0 without lag',
  ],
  retries_total: ['counter', ({ retries }) => retries, 'Retries of requests to services'],
  dead_letters_total: ['counter', ({ deadLetters }) => deadLetters, 'Messages sent to the dead-letter topic'],
  schema_changes_total: ['counter', ({ schemaChanges }) => schemaChanges, 'Tables created and altered'],
  failed: [
    'gauge',
    ({ failure }) => (failure === undefined ? 0 : 1),
    '1 if the stream has stopped because of a failure, else 0',
  ],
};

function secondsSince(ms: number | undefined): number {
  return ms === undefined ? 0 : Math.max(0, performance.now() - ms) / 1000;
}

/** Returns a registry whose scrapes read the live counts, even of streams added later. */
export function createSinkMetrics(counts: readonly SinkCounts[]): Registry {
  const registry = new Registry();
  for (const [name, [kind, of, help]] of Object.entries(tableMetrics)) {
    addMetric(registry, {
      kind,
      name: `chartmogul_sink_${name}`,
      help,
      labelNames: ['stream', 'table'],
      samples: () =>
        counts.map((count) => ({ labels: { stream: count.stream, table: count.table }, value: of(count) })),
    });
  }
  addMetric(registry, {
    kind: 'gauge',
    name: 'chartmogul_sink_lag_messages',
    help: "Offsets before the topic's end whose messages are not inserted yet, transaction markers included, for the partitions assigned to this process",
    labelNames: ['stream', 'partition'],
    samples: () => counts.flatMap(lagSamples),
  });
  return registry;
}

function lagSamples({ stream, lag }: SinkCounts): Sample[] {
  return [...lag].map(([partition, messages]) => ({
    labels: { stream, partition: String(partition) },
    value: messages,
  }));
}
