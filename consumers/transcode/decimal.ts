import type { DecimalType } from '../schema/writer-type.ts';
import { DecodeError } from '../../core/errors.ts';
import type { Transcoding } from './transcoding.ts';

/**
 * Maximum length of a number, unless its precision requires more. A Decimal has at most 32 bytes,
 * but producers may send redundant leading bytes.
 */
const MAX_BYTES = 64;
/** The time to print a number grows with the square of its length. */
const MAX_TEXT_BYTES = 4096;

/** Returns the number of bytes of a Decimal with this precision in RowBinary. */
export function decimalWidth(precision: number): 4 | 8 | 16 | 32 {
  if (precision <= 9) return 4;
  if (precision <= 18) return 8;
  return precision <= 38 ? 16 : 32;
}

/**
 * Reads Avro's decimal as its unscaled number.
 * @throws DecodeError for more digits than the precision.
 */
export function readDecimal(type: DecimalType, at: Transcoding): bigint {
  const length = type.fixedBytes ?? at.readLength();
  const start = at.take(length);
  const needed = Math.ceil((type.precision * Math.log2(10) + 1) / 8);
  if (length > Math.min(MAX_TEXT_BYTES, Math.max(MAX_BYTES, needed))) throw tooManyDigits(type.precision);
  if (length === 0) return 0n;
  const value = BigInt.asIntN(length * 8, BigInt(`0x${at.source.toString('hex', start, start + length)}`));
  const limit = 10n ** BigInt(type.precision);
  if (value >= limit || value <= -limit) throw tooManyDigits(type.precision);
  return value;
}

/** Returns a function that copies a number to a Decimal of the same scale without BigInt. */
export function decimalCopier(type: DecimalType, precision: number): (at: Transcoding) => void {
  const width = decimalWidth(precision);
  // Two's complements with the same sign sort like unsigned numbers, so bytes are compared with the
  // bytes of the limits.
  const most = littleEndian(10n ** BigInt(Math.min(type.precision, precision)) - 1n, width);
  const least = littleEndian(1n - 10n ** BigInt(Math.min(type.precision, precision)), width);
  return (at) => {
    const length = type.fixedBytes ?? at.readLength();
    let start = at.take(length);
    const { source } = at;
    if (length > MAX_BYTES && type.fixedBytes === undefined) throw tooManyDigits(precision);
    const sign = length > 0 && (source[start] ?? 0) >= 128 ? 255 : 0;
    let from = start + length - 1;
    const out = at.claim(width);
    const { target } = at;
    const last = out + width;
    let to = out;
    while (to < last && from >= start) target[to++] = source[from--] ?? 0;
    while (to < last) target[to++] = sign;
    while (start <= from) if (source[start++] !== sign) throw tooManyDigits(precision);
    const limit = sign === 0 ? most : least;
    for (let byte = width - 1; byte >= 0; byte--) {
      const difference = (target[out + byte] ?? 0) - (limit[byte] ?? 0);
      if (difference === 0) continue;
      if (difference > 0 === (sign === 0)) throw tooManyDigits(precision);
      return;
    }
  };
}

export function tooManyDigits(precision: number): DecodeError {
  return new DecodeError(`the number has more than ${precision} digits`);
}

function littleEndian(value: bigint, width: number): Buffer {
  const bytes = Buffer.alloc(width);
  for (let byte = 0, rest = value; byte < width; byte++, rest >>= 8n) bytes[byte] = Number(rest & 255n);
  return bytes;
}
