import { streamNames } from '../../core/avro/schema-files.ts';
import { ConfigError } from '../../core/errors.ts';
import { notOneOf } from '../../core/settings/setting-values.ts';
import { streamsOfTables, streamsUnder } from '../../consumers/run/choose-streams.ts';
import { topicOf, viewOf } from '../../core/stream-name.ts';

/**
 * Returns the streams that have a topic or a table, in alphabetical order: the requested ones, or
 * all if undefined.
 * @param topics undefined if they could not be read.
 * @param tables view names of streams with a table; undefined if they could not be read.
 * @throws ConfigError for a stream that is not copied, and, if topics and tables could be read, for
 *   an unknown stream.
 */
export function chooseStreams(
  topics: readonly string[] | undefined,
  tables: readonly string[] | undefined,
  prefix: string,
  requested: readonly string[] | undefined,
): readonly string[] {
  const { streams, skipped } = streamsUnder(prefix, topics ?? []);
  const ofTopics = streams.filter((stream) => topics?.includes(topicOf(prefix, stream)) === true);
  const ofTables = streams.filter((stream) => tables?.includes(viewOf(stream)) === true);
  const withoutTopic = streamsOfTables(tables ?? [], streams);
  const found = [...new Set([...ofTopics, ...ofTables, ...withoutTopic])].sort();
  if (requested === undefined) return found;
  const rejected = skipped.find(({ stream }) => stream !== undefined && requested.includes(stream));
  if (rejected !== undefined)
    throw new ConfigError(`--streams must not name "${rejected.stream ?? ''}": ${rejected.reason}`);
  const known = [...new Set([...streamNames, ...found])].sort();
  const unknown = requested.find((stream) => !known.includes(stream));
  if (unknown !== undefined && topics !== undefined && tables !== undefined)
    throw notOneOf('--streams', unknown, known);
  return found.filter((stream) => requested.includes(stream));
}
