import avro from 'avsc';
import { exactLong } from '../../core/avro/exact-long.ts';
import type { StreamSchema } from '../../core/avro/schema.ts';
import type { JsonObject } from '../../core/json.ts';
import { evolve } from '../../producers/encode/drift.ts';
import { RecordEncoder } from '../../producers/encode/record-encoder.ts';

/**
 * Returns the record as another Avro implementation reads it, after the schema changes that the
 * record requires.
 */
export function roundTrip(start: StreamSchema, record: JsonObject) {
  let encoder = new RecordEncoder(start);
  for (let round = 0; round < 50; round++) {
    const encoded = encoder.encode(record);
    if (encoded.drifts === undefined) {
      const type = avro.Type.forSchema(JSON.parse(JSON.stringify(encoder.schema)) as avro.Schema, {
        registry: { long: exactLong },
      });
      const decoded = type.fromBuffer(Buffer.from(encoded.avro.view())) as Record<string, unknown>;
      return { key: encoded.key, decoded, schema: encoder.schema, rounds: round };
    }
    encoder = new RecordEncoder(evolve(encoder.schema, encoded.drifts));
  }
  throw new Error('evolution does not end');
}
