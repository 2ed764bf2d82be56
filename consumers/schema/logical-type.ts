import type { WriterType } from './writer-type.ts';

const timestamps: ReadonlyMap<unknown, 3 | 6 | 9> = new Map(
  (['', 'local-'] as const).flatMap((zone) => [
    [`${zone}timestamp-millis`, 3],
    [`${zone}timestamp-micros`, 6],
    [`${zone}timestamp-nanos`, 9],
  ]),
);

/**
 * Returns the logical type that the JSON declares; the type itself if the logical type is unknown
 * or invalid.
 */
export function logicalType(type: WriterType, json: Readonly<Record<string, unknown>>): WriterType {
  const { logicalType: name } = json;
  switch (type.kind) {
    case 'int':
      return name === 'date' || name === 'time-millis' ? { kind: name } : type;
    case 'long': {
      const digits = timestamps.get(name);
      if (digits !== undefined) return { kind: 'timestamp', digits };
      return name === 'time-micros' ? { kind: name } : type;
    }
    case 'string':
      if (name === 'uuid') return { kind: 'uuid', isText: true };
      return name === 'json' ? { kind: name } : type;
    case 'fixed':
      if (name === 'uuid' && type.bytes === 16) return { kind: 'uuid', isText: false };
      return name === 'decimal' ? decimal(type, type.bytes, json) : type;
    case 'bytes':
      return name === 'decimal' ? decimal(type, undefined, json) : type;
    default:
      return type;
  }
}

function decimal(
  type: WriterType,
  fixedBytes: number | undefined,
  { precision, scale = 0 }: Readonly<Record<string, unknown>>,
): WriterType {
  const isValid = isCount(precision) && precision > 0 && isCount(scale) && scale <= precision;
  return isValid && fits(precision, fixedBytes) ? { kind: 'decimal', precision, scale, fixedBytes } : type;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** Returns whether the bytes can hold every number with the given number of digits. */
function fits(digits: number, fixedBytes: number | undefined): boolean {
  return fixedBytes === undefined || digits <= Math.floor(Math.log10(2) * (fixedBytes * 8 - 1));
}
