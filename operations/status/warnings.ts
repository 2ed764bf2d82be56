import { streamsUnder } from '../../consumers/run/choose-streams.ts';
import { several } from '../../core/terminal/amounts.ts';
import { topicOf } from '../../core/stream-name.ts';
import {
  clockWarnings,
  deletionLimit,
  retentionWarnings,
  type TopicConfig,
} from '../../core/kafka/topic-retention.ts';
import { messagesOf, type StreamStatus, type TopicStatus, type Warning } from './stream-status.ts';
import type { StorageTables, TableFacts } from './table-facts.ts';

/** Returns warnings about a topic configuration that loses messages or makes times unreliable. */
export function topicWarnings(
  { name, partitions }: TopicStatus,
  config: TopicConfig,
  tombstoneRetentionDays: number | undefined,
): Warning[] {
  const starts = partitions.map(({ start }) => start);
  const about = `topic ${name}`;
  return [
    ...retentionWarnings(config, starts, tombstoneRetentionDays).map(
      (message) => ({ kind: 'retention', about, message }) as const,
    ),
    ...clockWarnings(config).map((message) => ({ kind: 'producer-clocks', about, message }) as const),
  ];
}

/** Returns warnings about the topic of checkpoints or of dead letters, which have no other copy. */
export function journalWarnings(name: string, config: TopicConfig): Warning[] {
  const limit = deletionLimit(config);
  const message = `${limit}: older messages are lost; set cleanup.policy to compact`;
  return limit === undefined ? [] : [{ kind: 'retention', about: `topic ${name}`, message }];
}

/** Returns warnings about topics under the prefix that no sink reads. */
export function skippedTopicWarnings(topics: readonly string[], topicPrefix: string): Warning[] {
  return streamsUnder(topicPrefix, topics).skipped.map(({ topic, reason }) => ({
    kind: 'unread-topic',
    about: `topic ${topic}`,
    message: reason.replace(`topic ${topic} is `, ''),
  }));
}

/** Returns warnings about a topic without a table, or a table without a topic. */
export function pairWarnings(
  { stream, topic, table }: Pick<StreamStatus, 'stream' | 'topic' | 'table'>,
  topicPrefix: string,
): Warning[] {
  // An empty topic is normal, because an account may lack the stream. The first message creates the
  // table.
  if (topic && table === null && messagesOf(topic) > 0n)
    return [{ kind: 'no-table', about: `topic ${topic.name}`, message: 'no table yet; run `npm run sink`' }];
  if (topic === null && table) {
    const name = topicOf(topicPrefix, stream);
    const message = `no topic ${name}, so it cannot be rebuilt; check TOPIC_PREFIX, or run \`npm run produce\``;
    return [{ kind: 'no-topic', about: `table ${table.name}`, message }];
  }
  return [];
}

/**
 * Returns a warning if the topic no longer contains the messages of live rows, because a replay
 * would lose them. Queries the table only if it has rows from before the start of the topic.
 */
export async function lostRowsWarnings(
  stream: string,
  { name, partitions }: TopicStatus,
  { name: table, first }: TableFacts,
  tables: StorageTables,
): Promise<Warning[]> {
  const starts = new Map(
    partitions
      .filter(({ partition, start }) => (first.get(partition) ?? start) < start)
      .map(({ partition, start }) => [partition, start]),
  );
  const rows = await tables.liveRowsBefore(stream, starts);
  if (rows === 0n) return [];
  const message =
    `the messages of ${several(Number(rows), 'live row')} are gone from ${name}: a replay would lose these rows; ` +
    `\`npm run produce -- --full\` sends the records that ChartMogul still has`;
  return [{ kind: 'lost-rows', about: `table ${table}`, message }];
}
