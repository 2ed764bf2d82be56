import { qualified } from '../../core/clickhouse/client.ts';
import { IncompatibleSchemaError } from '../../core/errors.ts';
import { storageTableOf, topicOf } from '../../core/stream-name.ts';
import { hasBrokerTimes } from '../../core/kafka/topic-retention.ts';
import { StorageTable } from '../../consumers/table/storage-table.ts';
import { localTableOf } from '../../consumers/table/table-ddl.ts';
import { readTableShape, withoutSystemColumns, type TableColumn } from '../../consumers/table/table-shape.ts';
import { endsOf, readPartitionLogs, topicIdOf } from '../../consumers/stream/partition-logs.ts';
import type { PartitionLog } from '../../consumers/stream/resume-offset.ts';
import { awaitSink, type Patience } from './await-sink.ts';
import { emptyComparison, Examples, noDifferences, type StreamComparison } from './comparison.ts';
import { compareHistory } from './compare-history.ts';
import { compareViews } from './compare-views.ts';
import {
  compareBuckets,
  findDifferences,
  findHiddenStrays,
  type Difference,
  type Sides,
} from './find-differences.ts';
import { findTwice } from './find-twice.ts';
import { isByPosition, keyIdOf, keyPartsSql, keyTextSql } from '../../consumers/table/key-sql.ts';
import { projectTopic, type Extent } from './project-topic.ts';
import type { StreamProgress } from './reconcile-progress.ts';
import type { Connections } from '../../core/connections.ts';
import { DeadLetterIndex } from '../../consumers/stream/dead-letter-index.ts';
import { RowKeys } from '../../consumers/stream/row-keys.ts';
import { SideTable } from './side-table.ts';

export interface StreamSides {
  readonly stream: string;
  readonly hasTopic: boolean;
  readonly hasTable: boolean;
}

/** The parts of a comparison that a repair needs. */
export interface Repairable {
  readonly key: readonly TableColumn[];
  readonly extents: ReadonlyMap<number, Extent>;
  readonly sinceMs: bigint | undefined;
  /** The id of the compared topic. */
  readonly topicId: bigint;
  /** Undefined if message positions are the keys. */
  readonly rowKeys: RowKeys | undefined;
  readonly isByKey: boolean;
}

export interface CompareOptions {
  readonly rejected: DeadLetterIndex;
  readonly progress: StreamProgress;
  readonly patience: Patience;
  /** If given, receives every key that differs, and the stream is compared only once. */
  readonly onDifference?: (difference: Difference) => void;
}

/**
 * Maximum number of keys that are compared twice and kept in memory. A race causes fewer
 * differences.
 */
const MAX_KEYS_COMPARED_TWICE = 10_000;

/**
 * Compares the topic of a stream with its storage table, and the table with its views. The server
 * compares sums over buckets of keys first, so the memory of this process does not depend on the
 * number of keys.
 * @returns the comparison, and the input of a repair unless one side is missing.
 * @throws IncompatibleSchemaError if it cannot be compared; ServiceUnavailableError,
 *   ServiceRefusedError
 */
export async function compareStream(
  services: Connections,
  { stream, hasTopic, hasTable }: StreamSides,
  options: CompareOptions,
): Promise<{ comparison: StreamComparison; repairable: Repairable | undefined }> {
  const topic = topicOf(services.settings.topicPrefix, stream);
  const table = storageTableOf(stream);
  const empty = emptyComparison(stream, options.rejected.counts.get(stream) ?? 0);
  const withFaults = (...faults: string[]) => ({ comparison: { ...empty, faults }, repairable: undefined });
  if (!hasTopic && !hasTable) return withFaults(`neither topic ${topic} nor table ${table} exists`);
  if (!hasTopic)
    return withFaults(`table ${table} has no topic ${topic}: there is nothing to compare it with`);
  const logs = await readPartitionLogs(services.admin, topic);
  const isEmpty = [...logs.values()].every(({ start, end }) => start === end);
  if (!hasTable)
    return isEmpty
      ? withFaults()
      : withFaults(`topic ${topic} has no table ${table}: npm run sink -- --streams ${stream}`);
  if (options.onDifference !== undefined) return compareSides(services, stream, topic, logs, options);
  return compareTwice(services, stream, topic, logs, options);
}

/**
 * Compares differing keys again if the topic has grown or its dead letters have changed, and
 * reports those that still differ. While a topic grows, compaction may remove a message before it
 * is read, in favour of one beyond the compared offsets. Its row then seems to have no message.
 */
async function compareTwice(
  services: Connections,
  stream: string,
  topic: string,
  logs: ReadonlyMap<number, PartitionLog>,
  options: CompareOptions,
): Promise<{ comparison: StreamComparison; repairable: Repairable }> {
  const differing = new Set<string>();
  const onDifference = ({ parts }: Difference) => {
    if (differing.size <= MAX_KEYS_COMPARED_TWICE) differing.add(keyIdOf(parts));
  };
  const first = await compareSides(services, stream, topic, logs, { ...options, onDifference });
  if (differing.size === 0 || differing.size > MAX_KEYS_COMPARED_TWICE) return first;
  const now = await readPartitionLogs(services.admin, topic);
  const rejected = await DeadLetterIndex.read(services);
  const hasGrown = [...now].some(([partition, { end }]) => end !== logs.get(partition)?.end);
  if (!hasGrown && rejected.isSame(options.rejected)) return first;
  Object.assign(options.progress, { messages: 0, read: 0 });
  return compareSides(services, stream, topic, now, { ...options, rejected }, differing);
}

/** @param only limits the reported differences to these keys. */
async function compareSides(
  services: Connections,
  stream: string,
  topic: string,
  logs: ReadonlyMap<number, PartitionLog>,
  { rejected, progress, patience, onDifference }: CompareOptions,
  only?: ReadonlySet<string>,
): Promise<{ comparison: StreamComparison; repairable: Repairable }> {
  const { settings, database } = services;
  const { sortingKey, key, hasTopicIds } = await shapeOf(services, stream);
  const byPosition = isByPosition(sortingKey);
  const ownKey = withoutSystemColumns(key);
  const storage = new StorageTable({ database, stream });
  progress.doing = 'waiting for the sink';
  const resumeOffsets = await awaitSink(services, topic, storage, logs, patience);

  progress.doing = 'reading the topic';
  for (const { start, end } of logs.values()) progress.messages += Number(end - start);
  const counts = noDifferences();
  const examples = new Examples();
  const rowKeys = byPosition ? undefined : await RowKeys.create(services, stream, ownKey);
  const side = await SideTable.create(services, stream, key);
  try {
    const projection = { logs, resumeOffsets, rejected, rowKeys, progress };
    const projected = await projectTopic(services, topic, side, projection);
    const { extents, behind } = projected;
    const config = (await services.admin.topicConfigs([topic])).get(topic);
    // Producers' clocks do not distinguish this topic from a deleted one of the same name.
    const sinceMs = hasBrokerTimes(config) ? projected.sinceMs : undefined;
    const keyedOtherwise = rowKeys?.keyedOtherwise;
    const isByKey = keyedOtherwise === undefined && (byPosition || ownKey.length === key.length);
    const table = qualified(settings.clickhouse.database, storageTableOf(stream));
    const sides: Sides = {
      table,
      side: side.qualified,
      keyParts: keyPartsSql(sortingKey),
      extents,
      sinceMs,
      mayLackMessages: byPosition && (config?.get('cleanup.policy')?.includes('compact') ?? false),
      isByKey,
    };
    progress.doing = 'comparing keys';
    const { keys, buckets, differing } = await compareBuckets(services, sides);
    const readEnds = async () => endsOf(await readPartitionLogs(services.admin, topic));
    const report = (found: Difference) => {
      if (only?.has(keyIdOf(found.parts)) === false) return;
      counts[found.kind]++;
      examples.add(found);
      onDifference?.(found);
    };
    for (const [index, some] of differing.entries()) {
      progress.doing = `examining differences, ${index + 1} of ${differing.length}`;
      for await (const found of findDifferences(services, sides, buckets, some, readEnds)) report(found);
    }
    for await (const found of findHiddenStrays(services, sides, readEnds)) report(found);
    counts.twice = await findTwice(services, table, keyTextSql(sortingKey), hasTopicIds, examples);
    progress.doing = 'comparing views';
    const views = await compareViews(services, stream);
    const fault = await compareHistory(services, stream, sortingKey);
    const faults = fault === undefined ? [] : [fault];
    const notes = [
      ...notesOf(topic, logs, sides),
      ...(isByKey ? [] : [keyedOtherwiseText(ownKey, keyedOtherwise)]),
    ];
    const empty = emptyComparison(stream, rejected.counts.get(stream) ?? 0);
    return {
      comparison: { ...empty, keys, counts, behind, isByKey, examples: examples.all, views, faults, notes },
      repairable: { key, extents, sinceMs, topicId: topicIdOf(logs), rowKeys, isByKey },
    };
  } finally {
    await side.drop();
  }
}

async function shapeOf(services: Connections, stream: string) {
  const { settings, database } = services;
  const table = storageTableOf(stream);
  const shape = await readTableShape(database, localTableOf(table, settings.clickhouse));
  if (shape?.keepsLatest !== true)
    throw new IncompatibleSchemaError(
      `table ${table} is not a ReplacingMergeTree(_version, _deleted): rename it, and the sink recreates it`,
    );
  const { sortingKey, columns } = shape;
  const key = sortingKey.flatMap((name) => columns.find((column) => column.name === name) ?? []);
  if (key.length < sortingKey.length)
    throw new IncompatibleSchemaError(
      `table ${table} is sorted by ${sortingKey.join(', ')}, but the sink does not write all of these columns, so the table cannot be compared by key: rename it, and the sink recreates it`,
    );
  return { sortingKey, key, hasTopicIds: columns.some(({ name }) => name === '_topic_id') };
}

/**
 * @param at the first message whose key differs; undefined if the sorting key has system columns.
 */
function keyedOtherwiseText(key: readonly TableColumn[], at: string | undefined): string {
  const names = key.map(({ name }) => `\`${name}\``).join(', ');
  return (
    `cannot be compared by key: message keys differ from the primary key ${names}` +
    `${at === undefined ? '' : `, first at ${at}`}; the keys in the values were compared instead, rows without a message were not, and --repair deletes nothing`
  );
}

function notesOf(
  topic: string,
  logs: ReadonlyMap<number, { readonly start: bigint }>,
  { mayLackMessages }: Sides,
): string[] {
  const isCut = [...logs.values()].some(({ start }) => start > 0n);
  return [
    ...(isCut ? [`topic ${topic} has lost its first messages: their rows were not compared`] : []),
    ...(mayLackMessages
      ? [`topic ${topic} is compacted and has no primary key: rows without a message were not compared`]
      : []),
  ];
}
