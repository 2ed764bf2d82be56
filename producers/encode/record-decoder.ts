import avro from 'avsc';
import { exactLong } from '../../core/avro/exact-long.ts';
import type { StreamSchema } from '../../core/avro/schema.ts';
import { FRAME_BYTES } from '../../core/avro/wire-format.ts';

/** Decodes framed messages of one schema. Slow, so it is used only for a few messages. */
export class RecordDecoder {
  readonly #type: avro.Type;

  constructor(schema: StreamSchema) {
    this.#type = avro.Type.forSchema(schema as unknown as avro.Schema, { registry: { long: exactLong } });
  }

  decode(frame: Buffer): Readonly<Record<string, unknown>> {
    return this.#type.fromBuffer(frame.subarray(FRAME_BYTES)) as Record<string, unknown>;
  }
}
