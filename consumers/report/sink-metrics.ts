import { Registry } from 'prom-client';
import { addMetric, type Metric, type Sample } from '../../core/metrics-server.ts';
import type { SinkCounts } from './sink-counts.ts';

interface TableMetric {
  readonly kind: Metric['kind'];
  /** The name without the prefix `chartmogul_sink_`. */
  readonly name: string;
  readonly help: string;
  readonly of: (counts: SinkCounts) => number;
}

function secondsSince(ms: number | undefined): number {
  return ms === undefined ? 0 : Math.max(0, performance.now() - ms) / 1000;
}

const tableMetrics: readonly TableMetric[] = [
  {
    kind: 'counter',
    name: 'rows_total',
    help: 'Rows that ClickHouse has acknowledged, including deletes',
    of: ({ rows }) => rows,
  },
  {
    kind: 'counter',
    name: 'bytes_total',
    help: 'Bytes of these rows, in RowBinary',
    of: ({ bytes }) => bytes,
  },
  {
    kind: 'counter',
    name: 'batches_total',
    help: 'Inserts that ClickHouse has acknowledged',
    of: ({ batches }) => batches,
  },
  {
    kind: 'counter',
    name: 'insert_seconds_total',
    help: 'Seconds that these inserts took',
    of: ({ insertSeconds }) => insertSeconds,
  },
  {
    kind: 'gauge',
    name: 'batch_age_seconds',
    help: 'Age of the oldest row that is not inserted yet, 0 if there is none',
    of: ({ oldestRowMs }) => secondsSince(oldestRowMs),
  },
  {
    kind: 'gauge',
    name: 'buffered_messages',
    help: 'Messages that were consumed and are not inserted yet',
    of: ({ buffered }) => buffered,
  },
  {
    kind: 'gauge',
    name: 'stalled_seconds',
    help: 'Time since the last insert while there is a lag, 0 without lag',
    of: ({ stalledSinceMs }) => secondsSince(stalledSinceMs),
  },
  {
    kind: 'counter',
    name: 'retries_total',
    help: 'Retries of requests to services',
    of: ({ retries }) => retries,
  },
  {
    kind: 'counter',
    name: 'dead_letters_total',
    help: 'Messages sent to the dead-letter topic',
    of: ({ deadLetters }) => deadLetters,
  },
  {
    kind: 'counter',
    name: 'schema_changes_total',
    help: 'Tables created and altered',
    of: ({ schemaChanges }) => schemaChanges,
  },
  {
    kind: 'gauge',
    name: 'failed',
    help: '1 if the stream has stopped because of a failure, else 0',
    of: ({ failure }) => (failure === undefined ? 0 : 1),
  },
];

/**
 * Returns a registry with the metrics of one run of the sink. Every scrape reads the live counts,
 * also of streams that were added to the list. Names begin with `chartmogul_sink_`. The labels are
 * `stream` and `table`; those of the lag are `stream` and `partition`.
 */
export function createSinkMetrics(counts: readonly SinkCounts[]): Registry {
  const registry = new Registry();
  for (const { kind, name, help, of } of tableMetrics) {
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
    help: "Messages before the topic's end that are not inserted yet, of the partitions that this process has",
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
