import { DecodeError } from '../../core/errors.ts';
import { columnTypeSql, type Column, type ColumnType } from '../clickhouse/column-type.ts';
import { defaultBytes } from './column-default.ts';
import type { RowBuffer } from './row-buffer.ts';
import { Transcoding } from './transcoding.ts';

const DAY_MS = 86_400_000;

/**
 * Appends the columns of a row that stands for a delete: the primary key out of the message key, everything else at its default.
 *
 * @throws DecodeError, with `out.length` as it was, when the key is not one of this primary key.
 */
export function writeTombstone(
  key: string,
  primaryKey: readonly string[],
  columns: readonly Column[],
  out: RowBuffer,
): void {
  const parts = primaryKey.length === 1 ? [key] : key.split('|');
  if (parts.length !== primaryKey.length) throw new DecodeError(`a key that is not ${primaryKey.join('|')}`);
  const at = new Transcoding();
  at.begin(Buffer.alloc(0), 0, out);
  for (const { name, type } of columns) {
    const part = parts[primaryKey.indexOf(name)];
    if (part === undefined) for (const byte of defaultBytes(type)) at.writeByte(byte);
    else writeKeyPart(part, type, at);
  }
  out.length = at.written;
}

/** The column types that a primary key may have: see `keyColumnTypeOf`. */
function writeKeyPart(part: string, type: ColumnType, at: Transcoding): void {
  switch (columnTypeSql(type)) {
    case 'String':
    case 'LowCardinality(String)':
      at.writeText(part);
      return;
    case 'Int64': {
      const integer = /^-?\d{1,19}$/.test(part) ? BigInt(part) : undefined;
      if (integer === undefined || BigInt.asIntN(64, integer) !== integer) throw unfitKey();
      at.writeInteger(integer, 8);
      return;
    }
    case 'Date32': {
      const days = /^\d{4}-\d\d-\d\d$/.test(part) ? Date.parse(part) / DAY_MS : NaN;
      if (!Number.isInteger(days)) throw unfitKey();
      at.writeInteger(BigInt(days), 4);
      return;
    }
    default:
      throw unfitKey();
  }
}

function unfitKey(): DecodeError {
  return new DecodeError("a key that is not of its column's type");
}
