import avro from 'avsc';
import type { StreamSchema } from '../../core/avro/schema.ts';
import { FRAME_BYTES } from '../../core/avro/wire-format.ts';

/** avsc by itself refuses integers beyond 2^53. */
const exactLong = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => Number(a - b),
});

/** Decodes framed messages of one schema; for the few that have to be looked into. */
export class RecordDecoder {
  readonly #type: avro.Type;

  constructor(schema: StreamSchema) {
    this.#type = avro.Type.forSchema(schema as unknown as avro.Schema, { registry: { long: exactLong } });
  }

  decode(frame: Buffer): Readonly<Record<string, unknown>> {
    return this.#type.fromBuffer(frame.subarray(FRAME_BYTES)) as Record<string, unknown>;
  }
}
