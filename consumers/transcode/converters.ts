import { DecodeError } from '../../core/errors.ts';
import type { WriterType } from '../schema/writer-type.ts';
import type { ColumnType, EnumType } from '../column/column-type.ts';
import { decimalCopier, decimalWidth, readDecimal, tooManyDigits } from './decimal.ts';
import { dateText, decimalText, doubleText, floatText, timestampText, uuidText } from './scalar-text.ts';
import type { Transcoding } from './transcoding.ts';

/** Reads one Avro value and writes it as RowBinary. */
export type Converter = (at: Transcoding) => void;

/**
 * Returns the conversion of a scalar for a column of another type, for every change that `widened`
 * allows; undefined if the column cannot hold the values. Generated code copies values of the same
 * type.
 * @param column without Nullable and LowCardinality.
 */
export function converterOf(type: WriterType, column: ColumnType): Converter | undefined {
  if (column.kind === 'scalar' && column.name === 'String') return textConverter(type);
  switch (type.kind) {
    case 'boolean':
      return booleanConverter(column);
    case 'int':
    case 'time-millis':
      return column.kind === 'decimal'
        ? (at) => writeDecimal(BigInt(at.readInt()), 0, column, at)
        : undefined;
    case 'long':
    case 'time-micros':
      return column.kind === 'decimal' ? (at) => writeDecimal(at.readBigInt(), 0, column, at) : undefined;
    case 'float':
      return column.text === 'Float64' ? writeFloatAsDouble : undefined;
    case 'date':
      return column.kind === 'dateTime64'
        ? instantConverter((at) => BigInt(at.readInt()) * 86_400n, 0, column.digits)
        : undefined;
    case 'timestamp':
      return column.kind === 'dateTime64'
        ? instantConverter((at) => at.readBigInt(), type.digits, column.digits)
        : undefined;
    case 'decimal':
      if (column.kind !== 'decimal') return undefined;
      if (type.scale === column.scale) return decimalCopier(type, column.precision);
      return type.scale < column.scale
        ? (at) => writeDecimal(readDecimal(type, at), type.scale, column, at)
        : undefined;
    case 'uuid':
      return column.text === 'UUID' ? (type.isText ? writeUuidText : writeUuidBytes) : undefined;
    case 'enum':
      return column.kind === 'enum' ? enumConverter(type.symbols, column) : undefined;
    case 'string':
      if (column.kind === 'enum') return symbolConverter(column);
      return column.kind === 'fixedString' ? fixedConverter(column.bytes) : undefined;
    case 'bytes':
      return column.kind === 'fixedString' ? fixedConverter(column.bytes) : undefined;
    default:
      return undefined;
  }
}

function textConverter(type: WriterType): Converter | undefined {
  switch (type.kind) {
    case 'boolean':
      return (at) => at.writeText(at.readBoolean() ? 'true' : 'false');
    case 'int':
    case 'time-millis':
      return (at) => at.writeText(String(at.readInt()));
    case 'long':
    case 'time-micros':
      return (at) => at.writeText(at.readBigInt().toString());
    case 'float':
      return (at) => at.writeText(floatText(at.source.readFloatLE(at.take(4))));
    case 'double':
      return (at) => at.writeText(doubleText(at.source.readDoubleLE(at.take(8))));
    case 'date':
      return (at) => at.writeText(dateText(at.readInt()));
    case 'timestamp':
      return (at) => at.writeText(timestampText(at.readBigInt(), type.digits));
    case 'decimal':
      return (at) => at.writeText(decimalText(readDecimal(type, at), type.scale));
    case 'uuid':
      return type.isText ? copyUuidText : (at) => at.writeText(uuidText(at.source, at.take(16)));
    default:
      return undefined;
  }
}

const integerWidths: Readonly<Record<string, number>> = { Int8: 1, Int16: 2, Int32: 4, Int64: 8 };

function booleanConverter(column: ColumnType): Converter | undefined {
  const read = (at: Transcoding) => (at.readBoolean() ? 1n : 0n);
  if (column.kind === 'decimal') return (at) => writeDecimal(read(at), 0, column, at);
  const width = column.kind === 'scalar' ? integerWidths[column.name] : undefined;
  return width === undefined ? undefined : (at) => at.writeInteger(read(at), width);
}

function writeDecimal(
  unscaled: bigint,
  scale: number,
  column: Extract<ColumnType, { kind: 'decimal' }>,
  at: Transcoding,
): void {
  const value = unscaled * 10n ** BigInt(column.scale - scale);
  const limit = 10n ** BigInt(column.precision);
  if (value >= limit || value <= -limit) throw tooManyDigits(column.precision);
  at.writeInteger(value, decimalWidth(column.precision));
}

function instantConverter(
  read: (at: Transcoding) => bigint,
  digits: number,
  columnDigits: number,
): Converter | undefined {
  if (columnDigits < digits) return undefined;
  const factor = 10n ** BigInt(columnDigits - digits);
  return (at) => {
    const value = read(at) * factor;
    if (BigInt.asIntN(64, value) !== value)
      throw new DecodeError('the time is outside the range of its column');
    at.writeInteger(value, 8);
  };
}

function writeFloatAsDouble(at: Transcoding): void {
  const value = at.source.readFloatLE(at.take(4));
  const to = at.claim(8);
  at.target.writeDoubleLE(value, to);
}

/** The value of each hexadecimal digit by character code; 255 for other characters. */
const hexValues = Uint8Array.from({ length: 256 }, (_, character) => {
  const value = parseInt(String.fromCharCode(character), 16);
  return Number.isNaN(value) ? 255 : value;
});
const UUID_TEXT_BYTES = 36;
/** Positions of the bytes of a UUID in its text. */
const uuidDigits = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Copies a UUID in lower case, as the server prints it, and any other text unchanged. */
function copyUuidText(at: Transcoding): void {
  const length = at.readLength();
  const start = at.take(length);
  const text = length === UUID_TEXT_BYTES ? at.source.toString('latin1', start, start + length) : '';
  if (uuidPattern.test(text)) at.writeText(text.toLowerCase());
  else at.copyText(start, length);
}

function writeUuidText(at: Transcoding): void {
  const length = at.readLength();
  const start = at.take(length);
  const { source } = at;
  const isDashed = [8, 13, 18, 23].every((dash) => source[start + dash] === 0x2d);
  if (length !== UUID_TEXT_BYTES || !isDashed) throw noUuid();
  const to = at.claim(16);
  for (let byte = 0; byte < 16; byte++) {
    const digit = start + (uuidDigits[byte] ?? 0);
    const high = hexValues[source[digit] ?? 0] ?? 255;
    const low = hexValues[source[digit + 1] ?? 0] ?? 255;
    if (high > 15 || low > 15) throw noUuid();
    at.target[to + (byte ^ 7)] = (high << 4) | low;
  }
}

/** Writes a UUID as RowBinary: two 64-bit numbers, each little endian. */
function writeUuidBytes(at: Transcoding): void {
  const start = at.take(16);
  const to = at.claim(16);
  for (let byte = 0; byte < 16; byte++) at.target[to + (byte ^ 7)] = at.source[start + byte] ?? 0;
}

function noUuid(): DecodeError {
  return new DecodeError('the string is not a UUID');
}

function enumConverter(symbols: readonly string[], column: EnumType): Converter {
  const values = symbols.map((symbol) => column.values.find(([known]) => known === symbol)?.[1]);
  return (at) => writeEnum(values[at.readIndex(symbols.length)], column, at);
}

function symbolConverter(column: EnumType): Converter {
  const values = new Map(column.values);
  return (at) => {
    const length = at.readLength();
    const start = at.take(length);
    writeEnum(values.get(at.source.toString('utf8', start, start + length)), column, at);
  };
}

function writeEnum(value: number | undefined, column: EnumType, at: Transcoding): void {
  if (value === undefined) throw new DecodeError("a symbol is missing from the column's Enum");
  at.writeInteger(BigInt(value), column.bits / 8);
}

function fixedConverter(bytes: number): Converter {
  return (at) => {
    const length = at.readLength();
    if (length !== bytes) throw new DecodeError(`the string does not have the ${bytes} bytes of its column`);
    const start = at.take(length);
    const to = at.claim(bytes);
    at.source.copy(at.target, to, start, start + length);
  };
}
