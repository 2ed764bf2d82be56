import { DecodeError } from '../../core/errors.ts';
import { type Column, type ColumnType } from '../column/column-type.ts';
import { defaultBytes } from './column-default.ts';
import type { RowBuffer } from './row-buffer.ts';
import { dateText } from './scalar-text.ts';
import { Transcoding } from './transcoding.ts';

const DAY_MS = 86_400_000;

/**
 * Appends the field columns of a delete: the key from the message key, defaults for the rest.
 * @param parts of the key, in the order of the primary key: see `MessageKeys`.
 * @throws DecodeError, with `out.length` unchanged, if the key does not match the primary key.
 */
export function writeTombstone(
  parts: readonly string[],
  primaryKey: readonly string[],
  columns: readonly Column[],
  out: RowBuffer,
): void {
  const at = new Transcoding();
  at.begin(Buffer.alloc(0), 0, out);
  for (const { name, type } of columns) {
    const part = parts[primaryKey.indexOf(name)];
    if (part === undefined) for (const byte of defaultBytes(type)) at.writeByte(byte);
    else if (!writeKeyPart(part, type, at))
      throw new DecodeError(
        `the key of the delete lacks a value of type ${type.text} for ${name}: send the delete again with a complete key`,
      );
  }
  out.length = at.written;
}

/** Returns false if the text is not a value of the column. For key types, see `keyColumnTypeOf`. */
function writeKeyPart(part: string, type: ColumnType, at: Transcoding): boolean {
  switch (type.text) {
    case 'String':
    case 'LowCardinality(String)':
      at.writeText(part);
      return true;
    case 'Int64': {
      const integer = /^-?\d{1,19}$/.test(part) ? BigInt(part) : undefined;
      if (integer === undefined || BigInt.asIntN(64, integer) !== integer) return false;
      at.writeInteger(integer, 8);
      return true;
    }
    case 'Date32': {
      const days = /^\d{4}-\d\d-\d\d$/.test(part) ? Date.parse(part) / DAY_MS : NaN;
      // JavaScript parses 30 February as 1 March.
      if (!Number.isInteger(days) || dateText(days) !== part) return false;
      at.writeInteger(BigInt(days), 4);
      return true;
    }
    default:
      return false;
  }
}
