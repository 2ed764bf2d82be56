import { readFileSync } from 'node:fs';
import type { Admin, Message } from 'kafkajs';
import kafkajs from 'kafkajs';
import type { TestContext } from 'node:test';
import { connectKafkajs } from './kafka-admin.ts';
import { createClickHouse, quoted } from '../../core/clickhouse/client.ts';
import type { Settings } from '../../core/settings/config.ts';
import { createProducer } from './topic.ts';

/**
 * The fixture's topic prefix. Without the dot, it is also the name of the fixture's database. Both
 * are replaced for each test.
 */
const BEFORE = 'before.';
/**
 * Prevents compaction, which reads only closed segments. With a shorter time, the next message
 * would close the segment that contains the old messages.
 */
const HUNDRED_YEARS_MS = '3153600000000';
const FRAME_BYTES = 5;

interface StoredMessage {
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  /** The key in base64, like values and headers. */
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

interface StoredTopic {
  readonly partitions: number;
  readonly config: Readonly<Record<string, string>>;
  /** End offsets by partition. */
  readonly ends: Readonly<Record<string, number>>;
  readonly messages: readonly StoredMessage[];
}

interface StoredTable {
  readonly create: string;
  readonly rows?: readonly Record<string, unknown>[];
}

type Commits = Record<
  string,
  { topic: string; partitions: { partition: number; offset: string; metadata: string | null }[] }[]
>;

/** The source's lists by path, as they were when the fixture was recorded. */
export type SourceLists = Readonly<
  Record<string, { readonly listKey: string; readonly records: readonly Record<string, unknown>[] }>
>;

/** Reads a file in `test/fixtures/written-by-72728e4/`. */
function fixture(name: string): unknown {
  const file = new URL(`../fixtures/written-by-72728e4/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8'));
}

export function sourceLists(): SourceLists {
  return fixture('source') as SourceLists;
}

/**
 * Writes topics, schemas, tables and committed offsets as an earlier version left them.
 *
 * @returns the time of the last message.
 */
export async function loadWrittenBefore(t: TestContext, settings: Settings): Promise<number> {
  const ids = await registerSchemas(settings);
  const topics = fixture('topics') as Record<string, StoredTopic>;
  const admin = await connectKafkajs(settings.kafka);
  t.after(() => admin.disconnect());
  await createTopics(admin, settings, topics);
  const writer = await createWriter(t, settings, ids);
  await Promise.all(Object.entries(topics).map(([name, topic]) => writer(name, topic)));
  await setTimestampTypes(admin, settings, topics);
  await commitOffsets(admin, settings);
  await createTables(settings, ids);
  return Math.max(...Object.values(topics).flatMap(({ messages }) => messages.map((m) => m.timestamp)));
}

/** Registers every version. Returns the new id for each id in the fixture. */
async function registerSchemas({ schemaRegistry, topicPrefix }: Settings): Promise<Map<number, number>> {
  const subjects = fixture('schemas') as Record<string, { id: number; schema: unknown }[]>;
  const ids = new Map<number, number>();
  const send = async (method: string, path: string, body: unknown) => {
    const answer = await fetch(`${schemaRegistry.url}${path}`, {
      method,
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`the registry refused ${path}: ${await answer.text()}`);
    return answer.json();
  };
  for (const [name, versions] of Object.entries(subjects)) {
    const subject = `${topicPrefix}${name}`;
    for (const { id, schema } of versions) {
      const registered = await send('POST', `/subjects/${subject}/versions`, {
        schema: JSON.stringify(schema),
      });
      ids.set(id, (registered as { id: number }).id);
    }
    // `produce` sets this compatibility when it registers the first version of a subject.
    await send('PUT', `/config/${subject}`, { compatibility: 'BACKWARD' });
  }
  return ids;
}

/** Creates the topics so that messages keep the timestamps with which they are sent. */
async function createTopics(
  admin: Admin,
  { topicPrefix }: Settings,
  topics: Readonly<Record<string, StoredTopic>>,
): Promise<void> {
  await admin.createTopics({
    waitForLeaders: true,
    topics: Object.entries(topics).map(([name, { partitions, config }]) => ({
      topic: topicPrefix + name,
      numPartitions: partitions,
      configEntries: entriesOf({
        ...config,
        'message.timestamp.type': 'CreateTime',
        'segment.ms': HUNDRED_YEARS_MS,
      }),
    })),
  });
}

async function setTimestampTypes(
  admin: Admin,
  { topicPrefix }: Settings,
  topics: Readonly<Record<string, StoredTopic>>,
): Promise<void> {
  const resources = Object.entries(topics).map(([name, { config }]) => ({
    type: kafkajs.ConfigResourceTypes.TOPIC,
    name: topicPrefix + name,
    configEntries: entriesOf({ ...config, 'segment.ms': HUNDRED_YEARS_MS }),
  }));
  await admin.alterConfigs({ validateOnly: false, resources });
}

function entriesOf(config: Readonly<Record<string, string>>): { name: string; value: string }[] {
  return Object.entries(config).map(([name, value]) => ({ name, value }));
}

/** Returns a function that writes a topic so that every message gets its original offset. */
async function createWriter(
  t: TestContext,
  settings: Settings,
  ids: ReadonlyMap<number, number>,
): Promise<(name: string, stored: StoredTopic) => Promise<void>> {
  const plain = await createProducer(t, settings);
  const messageOf = ({ partition, timestamp, key, value, headers }: StoredMessage): Message => ({
    partition,
    timestamp: String(timestamp),
    key: bytesOf(key),
    value: reframed(bytesOf(value), ids),
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, text]) => [name, headerOf(name, text, settings, ids)]),
    ),
  });
  return async (name, stored) => {
    const topic = settings.topicPrefix + name;
    const transactional = await createProducer(t, settings, `${topic}.load`);
    const transact = async (messages: Message[], isCommitted: boolean) => {
      const transaction = await transactional.transaction();
      await transaction.send({ topic, messages });
      await (isCommitted ? transaction.commit() : transaction.abort());
    };
    for (const [partition, end] of Object.entries(stored.ends))
      for (const { messages, gap } of runsOf(stored, Number(partition), end)) {
        // The end of a transaction takes up one offset. The messages of an aborted transaction also
        // take up offsets.
        if (gap === 1) await transact(messages.map(messageOf), true);
        else await plain.send({ topic, messages: messages.map(messageOf) });
        const filler = { key: 'aborted', value: null, partition: Number(partition) };
        if (gap > 1) await transact(Array<Message>(gap - 1).fill(filler), false);
      }
  };
}

/**
 * Splits the messages of a partition into runs of consecutive offsets. `gap` is the number of
 * missing offsets after a run.
 */
function runsOf(
  { messages }: StoredTopic,
  partition: number,
  end: number,
): { messages: StoredMessage[]; gap: number }[] {
  const runs: { messages: StoredMessage[]; gap: number }[] = [];
  const own = messages.filter((message) => message.partition === partition);
  for (const [index, message] of own.entries()) {
    const last = runs.at(-1);
    if (last === undefined || last.gap > 0) runs.push({ messages: [message], gap: 0 });
    else last.messages.push(message);
    const next = own[index + 1]?.offset ?? end;
    const run = runs.at(-1);
    if (run !== undefined) run.gap = next - message.offset - 1;
  }
  return runs;
}

function bytesOf(base64: string | null): Buffer | null {
  return base64 === null ? null : Buffer.from(base64, 'base64');
}

/** Replaces the schema id of a framed value. */
function reframed(value: Buffer | null, ids: ReadonlyMap<number, number>): Buffer | null {
  if (value === null || value.length < FRAME_BYTES || value[0] !== 0) return value;
  const id = ids.get(value.readUInt32BE(1));
  if (id !== undefined) value.writeUInt32BE(id, 1);
  return value;
}

function headerOf(
  name: string,
  base64: string,
  { topicPrefix }: Settings,
  ids: ReadonlyMap<number, number>,
): Buffer {
  const bytes = Buffer.from(base64, 'base64');
  if (name === 'topic') return Buffer.from(bytes.toString('utf8').replace(BEFORE, topicPrefix));
  if (name === 'schema-id') return Buffer.from(String(ids.get(Number(bytes.toString('utf8')))));
  return bytes;
}

async function commitOffsets(admin: Admin, { topicPrefix, clickhouse }: Settings): Promise<void> {
  for (const [group, topics] of Object.entries(fixture('commits') as Commits)) {
    const groupId = topicPrefix + group.replace(/before$/, clickhouse.database);
    for (const { topic, partitions } of topics)
      await admin.setOffsets({
        groupId,
        topic: topicPrefix + topic,
        partitions: partitions.map(({ partition, offset, metadata }) => ({ partition, offset, metadata })),
      });
  }
}

async function createTables({ clickhouse }: Settings, ids: ReadonlyMap<number, number>): Promise<void> {
  const client = createClickHouse(clickhouse);
  await client.command({ query: `CREATE DATABASE ${quoted(clickhouse.database)}` });
  for (const [name, { create, rows }] of Object.entries(fixture('tables') as Record<string, StoredTable>)) {
    await client.command({ query: create.replaceAll(BEFORE, `${clickhouse.database}.`) });
    const values = (rows ?? []).map((row) => ({ ...row, _schema_id: ids.get(Number(row['_schema_id'])) }));
    if (values.length > 0)
      await client.insert({
        table: `${quoted(clickhouse.database)}.${quoted(name)}`,
        format: 'JSONEachRow',
        values,
      });
  }
  await client.close();
}
