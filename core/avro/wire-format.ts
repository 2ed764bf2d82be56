import type { ByteWriter } from './byte-writer.ts';
import { DecodeError } from '../errors.ts';

/** Confluent framing: a zero byte, the schema id in four bytes (big endian), then the Avro bytes. */
export const FRAME_BYTES = 5;

const MAGIC_BYTE = 0;

/** A new Buffer with the framed message whose Avro bytes are written. */
export function framed(schemaId: number, avro: ByteWriter): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_BYTES + avro.length);
  frame[0] = MAGIC_BYTE;
  frame.writeUInt32BE(schemaId, 1);
  avro.copyTo(frame, FRAME_BYTES);
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
