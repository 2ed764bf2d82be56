import type { StreamSchema } from '../../core/avro/schema.ts';
import { FRAME_BYTES } from '../../core/avro/wire-format.ts';
import type { ByteWriter } from '../../core/byte-writer.ts';
import { DecodeError } from '../../core/errors.ts';
import type { Column, ColumnType } from '../clickhouse/column-type.ts';
import { AvroCursor } from './avro-cursor.ts';
import { defaultWriter, recordTranscoder, type ValueTranscoder } from './value-transcoder.ts';

const DAY_MS = 86_400_000;

/** Where a row comes from: the values of its system columns. */
export interface RowOrigin {
  readonly partition: number;
  readonly offset: bigint;
  readonly timestampMs: bigint;
}

/** Turns the messages of one writer schema into rows of one table, bytes to bytes. */
export class RowTranscoder {
  readonly #schemaId: number;
  readonly #transcode: ValueTranscoder;
  readonly #cursor = new AvroCursor();

  constructor(schemaId: number, schema: StreamSchema, columns: readonly Column[]) {
    this.#schemaId = schemaId;
    this.#transcode = recordTranscoder(schema, columns);
  }

  /** @throws DecodeError, with nothing written, when the bytes are not what the schema says. */
  write(frame: Buffer, origin: RowOrigin, out: ByteWriter): void {
    const start = out.length;
    this.#cursor.reset(frame, FRAME_BYTES);
    try {
      this.#transcode(this.#cursor, out);
      if (this.#cursor.at !== frame.length)
        throw new DecodeError('bytes are left over behind the last field');
    } catch (error) {
      out.truncate(start);
      throw error;
    }
    writeSystemColumns(origin, 0, this.#schemaId, out);
  }
}

/**
 * Writes the row that stands for a delete: the primary key out of the message key, everything else at its default.
 *
 * @throws DecodeError when the key has another number of parts than the primary key.
 */
export function writeTombstone(
  key: string,
  primaryKey: readonly string[],
  columns: readonly Column[],
  origin: RowOrigin,
  out: ByteWriter,
): void {
  const parts = primaryKey.length === 1 ? [key] : key.split('|');
  if (parts.length !== primaryKey.length) throw new DecodeError(`a key that is not ${primaryKey.join('|')}`);
  const start = out.length;
  try {
    for (const { name, type } of columns) {
      const part = parts[primaryKey.indexOf(name)];
      if (part === undefined) defaultWriter(type)(out);
      else writeKeyPart(part, type, out);
    }
  } catch (error) {
    out.truncate(start);
    throw error;
  }
  writeSystemColumns(origin, 1, 0, out);
}

/** The column types that a primary key may have: see `parseStreamSchema`. */
function writeKeyPart(part: string, type: ColumnType, out: ByteWriter): void {
  switch (type.kind === 'scalar' ? type.name : undefined) {
    case 'String': {
      const bytes = Buffer.from(part);
      out.sizedBytes(bytes, 0, bytes.length);
      return;
    }
    case 'Int64': {
      const integer = /^-?\d{1,19}$/.test(part) ? BigInt(part) : undefined;
      if (integer === undefined || BigInt.asIntN(64, integer) !== integer) throw unfitKey();
      out.int64(integer);
      return;
    }
    case 'Date32': {
      const days = /^\d{4}-\d\d-\d\d$/.test(part) ? Date.parse(part) / DAY_MS : NaN;
      if (!Number.isInteger(days)) throw unfitKey();
      out.int32(days);
      return;
    }
    default:
      throw unfitKey();
  }
}

function unfitKey(): DecodeError {
  return new DecodeError("a key that is not of its column's type");
}

function writeSystemColumns(origin: RowOrigin, deleted: 0 | 1, schemaId: number, out: ByteWriter): void {
  // _version, little endian: the offset below, the time above.
  out.int64(origin.offset);
  out.int64(origin.timestampMs);
  out.byte(deleted);
  out.int32(origin.partition);
  out.int64(origin.offset);
  out.int64(origin.timestampMs);
  out.int32(schemaId);
}
