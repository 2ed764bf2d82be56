import { membersOf, splitUnion, type WriterType } from '../schema/writer-type.ts';
import type { ColumnType, ScalarName } from '../column/column-type.ts';
import { decimalWidth } from './decimal.ts';

/** The discriminator of a Variant that is null. */
const VARIANT_NULL = 255;

const scalarWidths: Readonly<Record<ScalarName, number>> = {
  String: 1,
  Int8: 1,
  Int16: 2,
  Int32: 4,
  Int64: 8,
  UInt8: 1,
  UInt16: 2,
  UInt32: 4,
  UInt64: 8,
  UInt128: 16,
  Float32: 4,
  Float64: 8,
  Bool: 1,
  Date: 2,
  Date32: 4,
  UUID: 16,
};

const jsonNull = [4, ...Buffer.from('null')];

/**
 * Returns the RowBinary of an absent value: null if the column allows it, else empty, zero or the
 * first value of an Enum. In an open object, null is the JSON text `null`.
 */
export function defaultBytes(column: ColumnType, type?: WriterType): readonly number[] {
  const [only, ...others] = type === undefined ? [] : splitUnion(type).values;
  const value = others.length === 0 ? only?.type : undefined;
  switch (column.kind) {
    case 'nullable':
      return [1];
    case 'variant':
      return [VARIANT_NULL];
    case 'array':
    case 'map':
      return [0];
    case 'tuple':
      return column.members.flatMap((member) => {
        const fields = value?.kind === 'record' ? membersOf(value) : [];
        return defaultBytes(member.type, fields.find(({ name }) => name === member.name)?.type);
      });
    case 'lowCardinality':
      return defaultBytes(column.inner, type);
    case 'enum': {
      // Zero is not necessarily a value of the Enum: the server's default is the first value.
      const first = column.values[0]?.[1] ?? 0;
      return column.bits === 8 ? [first & 255] : [first & 255, (first >> 8) & 255];
    }
    case 'scalar':
      return column.name === 'String' && value?.kind === 'json' && value.isOpen
        ? jsonNull
        : zeros(scalarWidths[column.name]);
    case 'fixedString':
      return zeros(column.bytes);
    case 'dateTime':
      return zeros(4);
    case 'dateTime64':
      return zeros(8);
    case 'decimal':
      return zeros(decimalWidth(column.precision));
  }
}

function zeros(count: number): number[] {
  return Array.from({ length: count }, () => 0);
}
