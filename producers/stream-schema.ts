import { readStreamSchema } from '../core/avro/schema-files.ts';
import type { StreamSchema } from '../core/avro/schema.ts';
import type { JsonObject } from '../core/json.ts';
import { mergeLearnt } from './avro/drift.ts';
import { inferSchema } from './avro/infer-schema.ts';
import type { StreamSpec } from './chartmogul/streams.ts';

/**
 * The schema that a run begins with: the schema file and what earlier runs learnt. A stream without a schema file has that of
 * the registry, or one made of the records of its first pages.
 *
 * @throws UnexpectedAnswerError when no record of the sample has a usable key.
 */
export function streamSchema(
  { name, primaryKey }: Pick<StreamSpec, 'name' | 'primaryKey'>,
  latest: StreamSchema | undefined,
  records: readonly JsonObject[],
): StreamSchema {
  if (primaryKey !== undefined) return latest ?? inferSchema({ name, primaryKey, records });
  const own = readStreamSchema(name);
  return latest === undefined ? own : mergeLearnt(own, latest);
}
