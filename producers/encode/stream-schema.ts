import { isDeepStrictEqual } from 'node:util';
import { readStreamSchema } from '../../core/avro/schema-files.ts';
import type { StreamSchema } from '../../core/avro/schema.ts';
import type { JsonObject } from '../../core/json.ts';
import { ConfigError } from '../../core/errors.ts';
import { withLearnedFields } from './drift.ts';
import { inferSchema } from './infer-schema.ts';
import type { StreamSpec } from '../chartmogul/streams.ts';

/**
 * Returns the schema that a run begins with: the schema file, plus the fields and types that
 * earlier runs added. For a stream without a schema file, returns the registry's schema or infers
 * one.
 *
 * @throws ConfigError if the topic has another primary key; UnexpectedAnswerError if no record of
 * the sample has a usable key.
 */
export function streamSchema(
  { name, primaryKey }: Pick<StreamSpec, 'name' | 'primaryKey'>,
  latest: StreamSchema | undefined,
  records: readonly JsonObject[],
): StreamSchema {
  if (primaryKey !== undefined) {
    if (latest === undefined) return inferSchema({ name, primaryKey, records });
    if (!isDeepStrictEqual(latest.primaryKey, primaryKey))
      throw new ConfigError(
        `stream ${name} has the primary key (${primaryKey.join(', ')}) in CONFIG_FILE, but the messages on its topic have the primary key (${latest.primaryKey.join(', ')}): ` +
          'restore the primary key, or rename the stream',
      );
    return latest;
  }
  const own = readStreamSchema(name);
  return latest === undefined ? own : withLearnedFields(own, latest);
}
