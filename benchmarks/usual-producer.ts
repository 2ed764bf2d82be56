import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { readStreamSchema } from '../core/avro/schema-files.ts';
import { KafkaAdmin } from '../core/kafka/admin.ts';
import type { Settings } from '../core/settings/config.ts';
import { topicOf } from '../core/stream-name.ts';

/** The lists that {@link usualProducer} and, in comparisons with it, `produce` read. */
const lists = [
  { stream: 'customers', listKey: 'entries' },
  { stream: 'invoices', listKey: 'invoices' },
  { stream: 'subscription_events', listKey: 'subscription_events' },
  { stream: 'contacts', listKey: 'entries' },
  { stream: 'opportunities', listKey: 'entries' },
  { stream: 'tasks', listKey: 'entries' },
  { stream: 'plans', listKey: 'plans' },
];
export const benchStreams = lists.map(({ stream }) => stream).join(',');

type Json = Readonly<Record<string, unknown>>;

interface Field {
  readonly name: string;
  readonly type: unknown;
}

/**
 * A producer that a competent user might write in an afternoon: it reads page after page, encodes
 * each record with the registry client, and sends once per page. It has no checkpoints, change
 * detection or schema evolution, and does not retry API requests. Returns the number of records.
 */
export async function usualProducer(settings: Settings): Promise<number> {
  const { chartmogul, kafka, schemaRegistry, topicPrefix } = settings;
  const registry = new SchemaRegistry({ host: schemaRegistry.url });
  const client = new Kafka({ clientId: 'usual', brokers: [...kafka.brokers], logLevel: logLevel.NOTHING });
  const producer = client.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  let records = 0;
  const produceList = async ({ stream, listKey }: (typeof lists)[number]) => {
    const schema = readStreamSchema(stream);
    const { id } = await registry.register(
      { type: SchemaType.AVRO, schema: JSON.stringify(schema) },
      { subject: `${topicPrefix}${stream}-value` },
    );
    let cursor: string | undefined;
    for (;;) {
      const query = new URLSearchParams({ per_page: '200', ...(cursor !== undefined && { cursor }) });
      const answer = await fetch(`${chartmogul.baseUrl}/${stream}?${query.toString()}`, {
        headers: { authorization: `Basic ${Buffer.from('bench:').toString('base64')}` },
      });
      const page = (await answer.json()) as Json;
      const rows = page[listKey] as readonly Json[];
      const messages = [];
      for (const row of rows) {
        const value = await registry.encode(id, shaped(row, schema.fields));
        messages.push({ key: String(row[schema.primaryKey[0] ?? '']), value });
      }
      if (messages.length > 0) await producer.send({ topic: `${topicPrefix}${stream}`, messages });
      records += rows.length;
      if (page['has_more'] !== true) return;
      cursor = String(page['cursor']);
    }
  };
  await Promise.all(lists.map(produceList));
  await producer.disconnect();
  return records;
}

/**
 * Converts a row to what avsc requires: times as numbers, free-form objects as text, and a value or
 * null for every field.
 */
function shaped(row: Json, fields: readonly Field[]): Json {
  const byName = new Map(
    Object.entries(row).map(([key, value]) => [key.replace(/[^A-Za-z0-9_]/g, '_'), value]),
  );
  return Object.fromEntries(fields.map(({ name, type }) => [name, valueOf(byName.get(name), type)]));
}

function valueOf(value: unknown, type: unknown): unknown {
  const inner: unknown = Array.isArray(type) ? type[1] : type;
  if (value === null || value === undefined) return null;
  if (typeof inner !== 'object' || inner === null) return value === '' && inner !== 'string' ? null : value;
  const { type: kind, logicalType, items, fields } = inner as Record<string, unknown>;
  if (logicalType === 'json') return JSON.stringify(value);
  if (logicalType === 'timestamp-millis') return value === '' ? null : Date.parse(value as string);
  if (logicalType === 'date') return Math.floor(Date.parse(value as string) / 86_400_000);
  if (kind === 'array') return (value as unknown[]).map((item) => valueOf(item, items));
  if (kind === 'record') return shaped(value as Json, fields as Field[]);
  return value;
}

/** Creates the topics that {@link usualProducer} writes to. */
export async function createUsualTopics(settings: Settings, signal: AbortSignal): Promise<void> {
  const admin = await KafkaAdmin.connect(settings.kafka, 'bench', signal);
  await admin.ensureTopics(lists.map(({ stream }) => topicOf(settings.topicPrefix, stream)));
  await admin.close();
}
