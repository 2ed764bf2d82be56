import { splitNullable, type AvroLogical, type AvroScalar, type AvroType } from '../../core/avro/schema.ts';
import { quoted } from '../../core/clickhouse.ts';
import { IncompatibleSchemaError } from '../../core/errors.ts';

/** The scalar types that the sink creates, by their SQL names. */
export const scalarTypes = [
  'String',
  'Int64',
  'Int32',
  'Float64',
  'Bool',
  'Date32',
  "DateTime64(3, 'UTC')",
  'UInt8',
  'UInt128',
] as const;
export type ScalarName = (typeof scalarTypes)[number];

/** A ClickHouse column type, as far as the sink makes use of it. Arrays and tuples are never Nullable in ClickHouse. */
export type ColumnType =
  | { readonly kind: 'scalar'; readonly name: ScalarName; readonly isNullable: boolean }
  | { readonly kind: 'array'; readonly item: ColumnType }
  | { readonly kind: 'tuple'; readonly members: readonly Column[] };

/** A column of a table, or a member of a tuple. */
export interface Column {
  readonly name: string;
  readonly type: ColumnType;
}

const scalarOfAvro: Readonly<Record<AvroScalar | AvroLogical['logicalType'], ScalarName>> = {
  string: 'String',
  // Text, not the JSON type: that drops nulls and empty objects and splits keys at dots, and nothing may be lost.
  json: 'String',
  long: 'Int64',
  int: 'Int32',
  double: 'Float64',
  boolean: 'Bool',
  date: 'Date32',
  'timestamp-millis': "DateTime64(3, 'UTC')",
};

/** The column type that holds every value of an Avro type. A null record becomes a Tuple of nulls, a null array an empty one. */
export function columnTypeOf(type: AvroType): ColumnType {
  const { isNullable, valueType } = splitNullable(type);
  if (typeof valueType === 'string') return { kind: 'scalar', name: scalarOfAvro[valueType], isNullable };
  if (valueType.type === 'array') return { kind: 'array', item: columnTypeOf(valueType.items) };
  if (valueType.type === 'record') {
    return {
      kind: 'tuple',
      members: valueType.fields.map(({ name, type: of }) => ({ name, type: columnTypeOf(of) })),
    };
  }
  return { kind: 'scalar', name: scalarOfAvro[valueType.logicalType], isNullable };
}

export function columnTypeSql(type: ColumnType): string {
  switch (type.kind) {
    case 'scalar':
      return type.isNullable ? `Nullable(${type.name})` : type.name;
    case 'array':
      return `Array(${columnTypeSql(type.item)})`;
    case 'tuple':
      return `Tuple(${type.members.map((member) => `${quoted(member.name)} ${columnTypeSql(member.type)}`).join(', ')})`;
  }
}

/**
 * The type that `have` must become to hold the values of `want` too: tuples gain members, nothing ever changes or goes.
 *
 * @throws IncompatibleSchemaError when no such type exists. `where` names table and column.
 */
export function widened(have: ColumnType, want: ColumnType, where: string): ColumnType {
  if (have.kind === 'array' && want.kind === 'array') {
    return { kind: 'array', item: widened(have.item, want.item, where) };
  }
  if (have.kind === 'tuple' && want.kind === 'tuple') {
    const kept = have.members.map((member) => {
      const wanted = want.members.find(({ name }) => name === member.name);
      return wanted
        ? { ...member, type: widened(member.type, wanted.type, `${where}.${member.name}`) }
        : member;
    });
    const added = want.members.filter(({ name }) => !have.members.some((member) => member.name === name));
    return { kind: 'tuple', members: [...kept, ...added] };
  }
  if (have.kind === 'scalar' && want.kind === 'scalar' && have.name === want.name) {
    return { ...have, isNullable: have.isNullable || want.isNullable };
  }
  throw new IncompatibleSchemaError(
    `${where} is ${columnTypeSql(have)}, and the topic's schema wants ${columnTypeSql(want)}: rename the column or the table`,
  );
}
