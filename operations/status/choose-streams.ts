import { streamNames } from '../../core/avro/schema-files.ts';
import { ConfigError } from '../../core/errors.ts';
import { streamsOfTables, streamsUnder } from '../../consumers/run/choose-streams.ts';
import { topicOf, viewOf } from '../../core/stream-name.ts';

/**
 * The streams that have a topic or a table, in alphabetical order; of them those that are wanted.
 *
 * @param topics all that Kafka has, and `tables` the streams that have a table, as it names them; undefined where they could not be asked.
 * @throws ConfigError for a stream that is not known, unless it may be that only a service does not answer.
 */
export function chooseStreams(
  topics: readonly string[] | undefined,
  tables: readonly string[] | undefined,
  prefix: string,
  wanted: readonly string[] | undefined,
): readonly string[] {
  const { streams, left } = streamsUnder(prefix, topics ?? []);
  const ofTopics = streams.filter((stream) => topics?.includes(topicOf(prefix, stream)) === true);
  const ofTables = streams.filter((stream) => tables?.includes(viewOf(stream)) === true);
  const withoutTopic = streamsOfTables(tables ?? [], streams);
  const found = [...new Set([...ofTopics, ...ofTables, ...withoutTopic])].sort();
  if (wanted === undefined) return found;
  const rejected = left.find(({ stream }) => stream !== undefined && wanted.includes(stream));
  if (rejected !== undefined)
    throw new ConfigError(`--streams got "${rejected.stream ?? ''}": ${rejected.reason}`);
  const known = [...new Set([...streamNames, ...found])].sort();
  const unknown = wanted.find((stream) => !known.includes(stream));
  if (unknown !== undefined && topics !== undefined && tables !== undefined)
    throw new ConfigError(`--streams got "${unknown.slice(0, 80)}", wants some of ${known.join(', ')}`);
  return found.filter((stream) => wanted.includes(stream));
}
