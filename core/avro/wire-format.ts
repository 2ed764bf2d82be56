import { DecodeError } from '../errors.ts';

/** Confluent framing: a zero byte, the schema id in four bytes (big endian), then the Avro bytes. */
export const FRAME_BYTES = 5;

const MAGIC_BYTE = 0;

/** A new Buffer with the frame's header and room for `avroBytes` more bytes, which the caller fills. */
export function allocateFrame(schemaId: number, avroBytes: number): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_BYTES + avroBytes);
  frame[0] = MAGIC_BYTE;
  frame.writeUInt32BE(schemaId, 1);
  return frame;
}

/**
 * The schema id of a framed message; its Avro bytes begin at {@link FRAME_BYTES}.
 *
 * @throws DecodeError
 */
export function schemaIdOf(frame: Buffer): number {
  if (frame.length < FRAME_BYTES || frame[0] !== MAGIC_BYTE) {
    throw new DecodeError('not in Confluent framing (a zero byte and a schema id)');
  }
  return frame.readUInt32BE(1);
}
