import type { ByteWriter } from './byte-writer.ts';
import { DecodeError } from '../errors.ts';

/** Confluent framing: a zero byte, the schema id in four bytes (big endian), then Avro bytes. */
export const FRAME_BYTES = 5;

const MAGIC_BYTE = 0;

/** The reason given for rejecting a value without the framing, such as an empty value. */
export const NOT_FRAMED = 'not in Confluent framing (a zero byte and a schema id)';

export function framed(schemaId: number, avro: ByteWriter): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_BYTES + avro.length);
  frame[0] = MAGIC_BYTE;
  frame.writeUInt32BE(schemaId, 1);
  avro.copyTo(frame, FRAME_BYTES);
  return frame;
}

/**
 * Returns the schema id of a frame. Its Avro bytes begin at {@link FRAME_BYTES}.
 * @throws DecodeError with {@link NOT_FRAMED} if the bytes are not framed.
 */
export function schemaIdOf(frame: Buffer): number {
  return schemaIdIn(frame, 0, frame.length);
}

/** Returns the schema id of the frame from `start` to `end`. @throws what `schemaIdOf` throws */
export function schemaIdIn(bytes: Buffer, start: number, end: number): number {
  if (end - start < FRAME_BYTES || bytes[start] !== MAGIC_BYTE) throw new DecodeError(NOT_FRAMED);
  return bytes.readUInt32BE(start + 1);
}
