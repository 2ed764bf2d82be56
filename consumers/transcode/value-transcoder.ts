import { splitNullable, type AvroRecord, type AvroType, type AvroValueType } from '../../core/avro/schema.ts';
import type { ByteWriter } from '../../core/byte-writer.ts';
import { DecodeError } from '../../core/errors.ts';
import type { Column, ColumnType } from '../clickhouse/column-type.ts';
import type { AvroCursor } from './avro-cursor.ts';

/** Moves the cursor past one Avro value. */
type Skipper = (cursor: AvroCursor) => void;

/** Reads one Avro value at the cursor and writes it as RowBinary. */
export type ValueTranscoder = (cursor: AvroCursor, out: ByteWriter) => void;

/** Writes what stands for an absent value in a column: null, or empty where ClickHouse has no null. */
export type DefaultWriter = (out: ByteWriter) => void;

/**
 * The transcoder of one Avro type into one column type, for pairs in which the column was made to hold the type
 * (see `widened`); columns and tuple members that the writer's schema lacks get their default.
 */
export function valueTranscoder(avro: AvroType, column: ColumnType): ValueTranscoder {
  const { isNullable, valueType } = splitNullable(avro);
  const transcode = presentTranscoder(valueType, column);
  const writeNull = defaultWriter(column);
  const isNullableColumn = column.kind === 'scalar' && column.isNullable;
  return (cursor, out) => {
    if (isNullable && !readBranch(cursor)) {
      writeNull(out);
      return;
    }
    if (isNullableColumn) out.byte(0);
    transcode(cursor, out);
  };
}

/** Fields of a record, wherever they stand in the writer's order, as columns in the table's order. */
export function recordTranscoder(schema: AvroRecord, columns: readonly Column[]): ValueTranscoder {
  const skippers = schema.fields.map(({ type }) => skipper(type));
  const writers = columns.map(({ name, type }) => {
    const index = schema.fields.findIndex((field) => field.name === name);
    const field = schema.fields[index];
    return field === undefined
      ? { index, write: (_: AvroCursor, out: ByteWriter) => defaultWriter(type)(out) }
      : { index, write: valueTranscoder(field.type, type) };
  });
  return (cursor, out) => {
    const starts = skippers.map((skip) => {
      const start = cursor.at;
      skip(cursor);
      return start;
    });
    const end = cursor.at;
    for (const { index, write } of writers) {
      cursor.at = starts[index] ?? end;
      write(cursor, out);
    }
    cursor.at = end;
  };
}

export function defaultWriter(column: ColumnType): DefaultWriter {
  if (column.kind === 'array') return (out) => out.varint(0);
  if (column.kind === 'tuple') {
    const members = column.members.map(({ type }) => defaultWriter(type));
    return (out) => members.forEach((write) => write(out));
  }
  if (column.isNullable) return (out) => out.byte(1);
  const width =
    { String: 1, Bool: 1, UInt8: 1, Int32: 4, Date32: 4, UInt128: 16 }[column.name as string] ?? 8;
  return (out) => {
    for (let byte = 0; byte < width; byte++) out.byte(0);
  };
}

function presentTranscoder(type: AvroValueType, column: ColumnType): ValueTranscoder {
  if (typeof type === 'object' && type.type === 'array' && column.kind === 'array') {
    return arrayTranscoder(type.items, column.item);
  }
  if (typeof type === 'object' && type.type === 'record' && column.kind === 'tuple') {
    return recordTranscoder(type, column.members);
  }
  switch (typeof type === 'string' ? type : type.type) {
    case 'string':
      return (cursor, out) => {
        const length = cursor.readLength();
        out.sizedBytes(cursor.bytes, cursor.at, cursor.at + length);
        cursor.at += length;
      };
    case 'long':
      return (cursor, out) => {
        cursor.readLong();
        out.int32(cursor.low);
        out.int32(cursor.high);
      };
    case 'int':
      return (cursor, out) => out.int32(cursor.readInt());
    case 'boolean':
      return (cursor, out) => out.byte(cursor.readByte() === 0 ? 0 : 1);
    default:
      // A double is the same eight bytes in Avro and in RowBinary.
      return (cursor, out) => {
        const start = cursor.at;
        cursor.skip(8);
        out.bytes(cursor.bytes, start, cursor.at);
      };
  }
}

function arrayTranscoder(items: AvroType, column: ColumnType): ValueTranscoder {
  const skipItem = skipper(items);
  const transcodeItem = valueTranscoder(items, column);
  return (cursor, out) => {
    // RowBinary wants the whole count in front, Avro may give it in blocks: look ahead first.
    const start = cursor.at;
    out.varint(forEachItem(cursor, skipItem));
    cursor.at = start;
    forEachItem(cursor, () => transcodeItem(cursor, out));
  };
}

function forEachItem(cursor: AvroCursor, visit: Skipper): number {
  let total = 0;
  for (let count = cursor.readBlockCount(); count > 0; count = cursor.readBlockCount()) {
    total += count;
    for (let item = 0; item < count; item++) visit(cursor);
  }
  return total;
}

function skipper(type: AvroType): Skipper {
  const { isNullable, valueType } = splitNullable(type);
  const skip = presentSkipper(valueType);
  return isNullable
    ? (cursor) => {
        if (readBranch(cursor)) skip(cursor);
      }
    : skip;
}

function presentSkipper(type: AvroValueType): Skipper {
  if (typeof type === 'object' && type.type === 'record') {
    const fields = type.fields.map((field) => skipper(field.type));
    return (cursor) => fields.forEach((skip) => skip(cursor));
  }
  if (typeof type === 'object' && type.type === 'array') {
    const skipItem = skipper(type.items);
    return (cursor) => {
      forEachItem(cursor, skipItem);
    };
  }
  switch (typeof type === 'string' ? type : type.type) {
    case 'string':
      return (cursor) => cursor.skip(cursor.readLength());
    case 'long':
    case 'int':
      return (cursor) => cursor.readLong();
    case 'boolean':
      return (cursor) => cursor.skip(1);
    default:
      return (cursor) => cursor.skip(8);
  }
}

/** True for the value branch of `["null", type]`, false for null. */
function readBranch(cursor: AvroCursor): boolean {
  const branch = cursor.readInt();
  if (branch !== 0 && branch !== 1) throw new DecodeError('a union branch that the schema does not have');
  return branch === 1;
}
