import { availableParallelism } from 'node:os';
import { literal, qualified, type ClickHouseClient } from '../core/clickhouse/client.ts';
import type { Settings } from '../core/settings/config.ts';
import { LocalServiceError } from '../core/errors.ts';
import { topicOf } from '../core/stream-name.ts';
import { pause } from './environment.ts';
import { fieldDefinitions, invoiceColumns, invoiceTable } from './invoice-table.ts';
import { invoiceStream } from './invoice-topic.ts';
import { selectNumbers } from './table-query.ts';

/** ClickHouse runs at most one consumer per core. */
const CONSUMERS = Math.min(2, availableParallelism());
const BLOCK_ROWS = 200_000;
const FLUSH_MS = 500;
const POLL_MS = 20;
const PARTITIONS_WITHIN_MS = 60_000;

/** ClickHouse's own path from Kafka: a Kafka table and a materialized view that moves its rows. */
export class KafkaEngine {
  readonly #client: ClickHouseClient;
  readonly #settings: Settings;
  readonly #database: string;

  constructor(client: ClickHouseClient, settings: Settings, database: string) {
    this.#client = client;
    this.#settings = settings;
    this.#database = database;
  }

  /** Creates the tables. Consumption starts with {@link start}. */
  async create(): Promise<void> {
    const { kafka, schemaRegistry, topicPrefix } = this.#settings;
    const settings = {
      kafka_broker_list: literal(kafka.brokers.join(',')),
      kafka_topic_list: literal(topicOf(topicPrefix, invoiceStream)),
      kafka_group_name: literal(`bench.${this.#database}`),
      kafka_format: literal('AvroConfluent'),
      format_avro_schema_registry_url: literal(schemaRegistry.url),
      kafka_num_consumers: CONSUMERS,
      kafka_thread_per_consumer: 1,
      kafka_max_block_size: BLOCK_ROWS,
      kafka_flush_interval_ms: FLUSH_MS,
    };
    const assignments = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
    await this.#client.command({ query: invoiceTable(this.#database) });
    const columns = `CREATE TABLE ${this.#name('queue')} (${fieldDefinitions})`;
    await this.#client.command({ query: `${columns} ENGINE = Kafka SETTINGS ${assignments.join(', ')}` });
  }

  /** Starts consumption. Resolves once every consumer has partitions. */
  async start(signal: AbortSignal): Promise<void> {
    const view = `CREATE MATERIALIZED VIEW ${this.#name('mover')} TO ${this.#name('invoices')}`;
    const select = `SELECT ${invoiceColumns.join(', ')} FROM ${this.#name('queue')}`;
    await this.#client.command({ query: `${view} AS ${select}` });
    const query = `SELECT min(length(assignments.topic)) FROM system.kafka_consumers
      WHERE database = ${literal(this.#database)}`;
    const deadlineMs = performance.now() + PARTITIONS_WITHIN_MS;
    for (let fewest = 0; fewest === 0;) {
      if (performance.now() > deadlineMs)
        throw new LocalServiceError(
          `not every consumer of ClickHouse's Kafka engine was assigned partitions within ${PARTITIONS_WITHIN_MS / 1000} s; the log of ClickHouse contains the reason`,
        );
      await pause(POLL_MS, signal);
      [[fewest = 0] = []] = await selectNumbers(this.#client, this.#settings, query, signal);
    }
  }

  async stop(): Promise<void> {
    for (const table of ['mover', 'queue'])
      await this.#client.command({ query: `DROP TABLE IF EXISTS ${this.#name(table)} SYNC` });
  }

  #name(table: string): string {
    return qualified(this.#database, table);
  }
}
