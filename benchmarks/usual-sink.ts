import { devNull } from 'node:os';
import { createClient } from '@clickhouse/client';
import { SchemaRegistry } from '@kafkajs/confluent-schema-registry';
import type { EachBatchPayload } from 'kafkajs';
import { loadSettings } from '../core/settings/config.ts';
import { exitCodes, runMain } from '../core/process.ts';
import { invoiceColumns, invoiceTable } from './invoice-table.ts';
import { consumeInvoices } from './worker-consumer.ts';

// A contender in the `sink` benchmark: a sink that a competent user might write in an afternoon. It
// reads a batch from a partition, decodes each message with the registry client, and inserts the
// batch as JSONEachRow. It has no schema evolution, no dead letters and no exactly-once delivery.
await runMain(async (signal) => {
  const { clickhouse: target, ...settings } = loadSettings(undefined, devNull);
  const registry = new SchemaRegistry({ host: settings.schemaRegistry.url });
  const { url, database, credentials } = target;
  const login = credentials && { username: credentials.username, password: credentials.password.reveal() };
  const clickhouse = createClient({ url, database, ...login });
  await clickhouse.command({ query: invoiceTable(target.database) });

  const insert = async ({ batch: { partition, messages } }: EachBatchPayload) => {
    const values: Record<string, unknown>[] = [];
    // Decodes one message at a time. Otherwise the client compiles the schema for each message.
    for (const { value, offset } of messages) {
      const row = (await registry.decode(value ?? Buffer.alloc(0))) as Record<string, unknown>;
      row['_partition'] = partition;
      row['_offset'] = offset;
      values.push(row);
    }
    await clickhouse.insert({
      table: 'invoices',
      values,
      format: 'JSONEachRow',
      columns: invoiceColumns,
      // A batch is already one block, so the server need not wait for more rows.
      clickhouse_settings: { async_insert: 0 },
    });
  };
  await consumeInvoices({ ...settings, clickhouse: target }, insert, signal);
  await clickhouse.close();
  return exitCodes.done;
});
