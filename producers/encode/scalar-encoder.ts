import type { AvroLogical, AvroScalar } from '../../core/avro/schema.ts';
import type { ByteWriter } from '../../core/avro/byte-writer.ts';
import { freeFormText } from '../../core/free-form.ts';
import { reproducedBy, type JsonValue } from '../../core/json.ts';
import { wellFormed } from '../../core/well-formed.ts';
import { parseDate, parseInstant } from './instant.ts';

/**
 * Writes a non-null value. Returns false if it does not fit the type; the caller then discards any
 * bytes written.
 */
export type ValueEncoder = (value: NonNullable<JsonValue>, out: ByteWriter) => boolean;

export function scalarEncoder(type: AvroScalar | AvroLogical): ValueEncoder {
  return encoders[typeof type === 'string' ? type : type.logicalType];
}

/**
 * Returns whether the value is `""` in a field that is neither text nor JSON text. ChartMogul sends
 * `""` for blank numbers.
 */
export function isBlank(type: AvroScalar | AvroLogical, value: JsonValue): boolean {
  return value === '' && type !== 'string' && !(typeof type === 'object' && type.logicalType === 'json');
}

export function isInt64(value: bigint): boolean {
  return BigInt.asIntN(64, value) === value;
}

const long: ValueEncoder = (value, out) => {
  const integer = typeof value === 'string' ? integerOfText(value) : value;
  const fits = typeof integer === 'bigint' ? isInt64(integer) : Number.isSafeInteger(integer);
  if (fits) out.zigZag(integer as number | bigint);
  return fits;
};

const int: ValueEncoder = (value, out) => {
  const integer = typeof value === 'string' ? Number(integerOfText(value)) : value;
  const fits = typeof integer === 'number' && (integer | 0) === integer;
  if (fits) out.zigZag(integer);
  return fits;
};

const double: ValueEncoder = (value, out) => {
  const number = numberOf(value);
  if (number !== undefined) out.double(number);
  return number !== undefined;
};

const encoders: Readonly<Record<AvroScalar | AvroLogical['logicalType'], ValueEncoder>> = {
  long,
  int,
  double,
  string: (value, out) => {
    if (typeof value !== 'string') return false;
    out.avroString(wellFormed(value));
    return true;
  },
  boolean: (value, out) => {
    if (typeof value !== 'boolean') return false;
    out.byte(value ? 1 : 0);
    return true;
  },
  json: (value, out) => {
    out.avroString(freeFormText(value));
    return true;
  },
  'timestamp-millis': (value, out) => encodeParsed(value, out, parseInstant),
  date: (value, out) => encodeParsed(value, out, parseDate),
};

function encodeParsed(value: JsonValue, out: ByteWriter, parse: typeof parseDate): boolean {
  const parsed = typeof value === 'string' ? parse(value) : undefined;
  if (parsed === undefined) return false;
  out.zigZag(parsed);
  return true;
}

/** Parses an integer such as `42` or `42.0`. Returns undefined for any other text. */
export function integerOfText(text: string): bigint | undefined {
  const match = /^(-?\d{1,20})(?:\.0+)?$/.exec(text);
  return match?.[1] === undefined ? undefined : BigInt(match[1]);
}

/** Returns the double that reproduces the value exactly, or undefined if none does. */
function numberOf(value: JsonValue): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return BigInt(Number(value)) === value ? Number(value) : undefined;
  if (typeof value !== 'string' || !/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(value)) return undefined;
  if (/^-?\d+$/.test(value)) return numberOf(BigInt(value));
  return reproducedBy(value);
}
