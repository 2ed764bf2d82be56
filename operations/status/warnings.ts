import { streamsUnder } from '../../consumers/run/choose-streams.ts';
import type { Settings } from '../../core/settings/config.ts';
import { storageTableOf, topicOf } from '../../core/stream-name.ts';
import {
  clockWarnings,
  deletionLimit,
  retentionWarnings,
  type TopicConfig,
} from '../../core/kafka/topic-retention.ts';
import { messagesOf, type StreamStatus, type TopicStatus, type Warning } from './stream-status.ts';
import type { StorageTables, TableFacts } from './table-facts.ts';

/** What the configuration of a stream's topic will lose, or makes uncertain. */
export function topicWarnings(
  { name, partitions }: TopicStatus,
  config: TopicConfig,
  { kafka }: Pick<Settings, 'kafka'>,
): Warning[] {
  const starts = partitions.map(({ start }) => start);
  const messages = [
    ...retentionWarnings(config, starts, kafka.tombstoneRetentionDays),
    ...clockWarnings(config),
  ];
  return messages.map((message) => ({ about: aboutTopic(name), message }));
}

/** The same of the topic of checkpoints or dead letters: nobody replays them, yet what they lose is lost. */
export function journalWarnings(name: string, config: TopicConfig): Warning[] {
  const limit = deletionLimit(config);
  if (limit === undefined) return [];
  const message = `${limit}: what is older is lost; set cleanup.policy to compact`;
  return [{ about: aboutTopic(name), message }];
}

/** Topics under the prefix that no sink reads. */
export function leftTopicWarnings(topics: readonly string[], topicPrefix: string): Warning[] {
  return streamsUnder(topicPrefix, topics).left.map(({ topic, reason }) => ({
    about: aboutTopic(topic),
    message: reason.replace(`topic ${topic} is `, ''),
  }));
}

/** A topic that nobody has sunk, a table that nothing can make again. */
export function pairWarnings(
  { stream, topic, table }: Pick<StreamStatus, 'stream' | 'topic' | 'table'>,
  topicPrefix: string,
): Warning[] {
  // A topic without messages gets its table with the first of them: an account may lack the stream.
  if (topic && table === null && messagesOf(topic) > 0n)
    return [{ about: aboutTopic(topic.name), message: 'no table yet; run `npm run sink`' }];
  if (topic === null && table) {
    const name = topicOf(topicPrefix, stream);
    const message = `no topic ${name}, so nothing can make it again; check TOPIC_PREFIX, or run \`npm run produce\``;
    return [{ about: aboutTable(stream), message }];
  }
  return [];
}

/**
 * Live rows whose messages the topic has no more: a replay would lose them. What was deleted and sent again since is none of them. The
 * table is asked only where it has rows from before the topic's start.
 */
export async function lostRowsWarnings(
  stream: string,
  { name, partitions }: TopicStatus,
  { first }: TableFacts,
  tables: StorageTables,
): Promise<Warning[]> {
  const starts = new Map(
    partitions
      .filter(({ partition, start }) => (first.get(partition) ?? start) < start)
      .map(({ partition, start }) => [partition, start]),
  );
  const rows = await tables.liveRowsBefore(stream, starts);
  if (rows === 0n) return [];
  const count = rows.toLocaleString('en-US');
  return [
    {
      about: aboutTable(stream),
      message:
        `${count} live rows whose messages are gone from ${name}: a replay would lose them; ` +
        `\`npm run produce -- --full\` sends what ChartMogul still has`,
    },
  ];
}

/** Views that readers see in place of the sink's, or do not see at all. */
export async function viewWarnings(stream: string, tables: StorageTables): Promise<Warning[]> {
  return (await tables.viewFaults(stream)).map(({ view, fault }) => ({
    about: `view ${view}`,
    message: fault,
  }));
}

function aboutTopic(name: string): string {
  return `topic ${name}`;
}

function aboutTable(stream: string): string {
  return `table ${storageTableOf(stream)}`;
}
