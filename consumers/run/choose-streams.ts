import { streamNames } from '../../core/avro/schema-files.ts';
import { ConfigError } from '../../core/errors.ts';
import { notOneOf } from '../../core/settings/setting-values.ts';
import {
  isStreamName,
  storageTableOf,
  streamOfTopic,
  topicOf,
  viewOf,
  whyNoStream,
} from '../../core/stream-name.ts';

/** A topic that has the prefix but that the sink does not copy. */
export interface SkippedTopic {
  readonly topic: string;
  /** Its stream; undefined if the topic name is not a stream name. */
  readonly stream: string | undefined;
  readonly reason: string;
}

/**
 * Returns the requested streams; all if `wanted` is undefined.
 * @throws ConfigError for a stream that is unknown or not copied.
 */
export function chooseStreams(
  topics: readonly string[],
  prefix: string,
  wanted: readonly string[] | undefined,
): string[] {
  const { streams, skipped } = streamsUnder(prefix, topics);
  const rejected = skipped.find(({ stream }) => stream !== undefined && wanted?.includes(stream) === true);
  if (rejected !== undefined)
    throw new ConfigError(`--streams must not name "${rejected.stream ?? ''}": ${rejected.reason}`);
  const unknown = wanted?.find((stream) => !streams.includes(stream));
  if (unknown !== undefined) throw notOneOf('--streams', unknown, streams);
  return streams.filter((stream) => wanted?.includes(stream) ?? true);
}

/**
 * @throws ConfigError if HISTORY_STREAMS names a stream that has neither a schema file nor a
 *   topic.
 */
export function requireHistoryStreams(
  topics: readonly string[],
  prefix: string,
  named: readonly string[] = [],
): void {
  const { streams } = streamsUnder(prefix, topics);
  const unknown = named.find((stream) => !streams.includes(stream));
  if (unknown !== undefined) throw notOneOf('HISTORY_STREAMS', unknown, streams);
}

/**
 * Returns the streams with a schema file or a topic under the prefix, sorted, and the skipped
 * topics. If several streams would have the same table or view name, a stream that has the same name
 * as its view takes precedence, then the first in alphabetical order.
 */
export function streamsUnder(
  prefix: string,
  topics: readonly string[],
): { readonly streams: readonly string[]; readonly skipped: readonly SkippedTopic[] } {
  const found = new Set([...streamNames, ...topics.flatMap((topic) => streamOfTopic(prefix, topic) ?? [])]);
  const skipped: SkippedTopic[] = [];
  for (const topic of topics) {
    const reason = whyNoStream(prefix, topic);
    if (reason !== undefined)
      skipped.push({ topic, stream: undefined, reason: `topic ${topic} is not copied: ${reason}` });
  }
  const streams: string[] = [];
  for (const stream of [...found].sort(exactFirst)) {
    const reason = nameConflictOf(prefix, stream, streams);
    if (reason === undefined) streams.push(stream);
    else skipped.push({ topic: topicOf(prefix, stream), stream, reason });
  }
  return { streams: streams.sort(), skipped };
}

/**
 * Returns the streams of tables that have neither a topic nor a schema file.
 * @param tables names of the views over the storage tables.
 * @param others the streams that have a topic or a schema file.
 */
export function streamsOfTables(tables: Iterable<string>, others: readonly string[]): string[] {
  const known = new Set(others.map(viewOf));
  return [...tables].filter((name) => isStreamName(name) && viewOf(name) === name && !known.has(name));
}

/**
 * Returns why the table or view of a stream conflicts with those of other streams; undefined if it
 * does not.
 */
export function nameConflictOf(prefix: string, stream: string, others: Iterable<string>): string | undefined {
  const topic = topicOf(prefix, stream);
  const [view, table] = [viewOf(stream), storageTableOf(stream)];
  const isNamed = (name: string) => name === view || name === table;
  for (const other of others) {
    if (other !== stream && (isNamed(viewOf(other)) || isNamed(storageTableOf(other))))
      return (
        `topic ${topic} is not copied: its table ${table} or view ${view} would have the same name as a table or view of topic ${topicOf(prefix, other)}; ` +
        'use another name for the topic, or run a second sink for it, with its own CLICKHOUSE_DATABASE and a TOPIC_PREFIX that matches only this topic'
      );
  }
  return undefined;
}

function exactFirst(a: string, b: string): number {
  const [isA, isB] = [viewOf(a) === a, viewOf(b) === b];
  if (isA !== isB) return isA ? -1 : 1;
  return a < b ? -1 : 1;
}
