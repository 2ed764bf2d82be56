import { streamNames } from '../core/avro/schema-files.ts';
import { ConfigError } from '../core/errors.ts';
import { streamOfTopic } from '../core/stream-name.ts';

/** Of the streams that have a schema file, and those that have a topic under the prefix, the wanted ones. @throws ConfigError */
export function chooseStreams(
  topics: readonly string[],
  prefix: string,
  wanted: readonly string[] | undefined,
): string[] {
  const found = topics.flatMap((topic) => streamOfTopic(prefix, topic) ?? []);
  const known = [...new Set([...streamNames, ...found])].sort();
  const unknown = wanted?.find((stream) => !known.includes(stream));
  if (unknown !== undefined)
    throw new ConfigError(`--streams got "${unknown}", wants some of ${known.join(', ')}`);
  return known.filter((stream) => wanted?.includes(stream) ?? true);
}
