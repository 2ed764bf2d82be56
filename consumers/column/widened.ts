import { IncompatibleSchemaError } from '../../core/errors.ts';
import {
  arrayType,
  bareType,
  dateTime64Type,
  decimalType,
  enumType,
  lowCardinalityType,
  mapType,
  nullableType,
  scalarType,
  stringType,
  tupleType,
  variantType,
  type ColumnType,
  type EnumType,
  type StringType,
} from './column-type.ts';

type Kind<K extends ColumnType['kind']> = Extract<ColumnType, { kind: K }>;

/**
 * Returns the type that `have` must become to also hold the values of `want`; `have` itself if it
 * already can. No stored value changes (a test runs each change on the server). Never narrows a
 * type or drops a member.
 * @param where names the column in errors: `column customers_raw.mrr`.
 * @throws IncompatibleSchemaError if there is no such type.
 */
export function widened(have: ColumnType, want: ColumnType, where: string): ColumnType {
  const type = joinTypes(have, want, where);
  if (type === undefined) throw incompatibleTypes(where, have.text, want.text);
  return isSame(type, have) ? have : type;
}

/** Returns whether two types are the same except for their text. */
export function isSame(a: ColumnType, b: ColumnType): boolean {
  return a === b || withoutText(a) === withoutText(b);
}

/** Returns the member of a Variant that holds a type's values, unchanged or as a wider number. */
export function variantMemberFor(variant: Kind<'variant'>, type: ColumnType): ColumnType | undefined {
  const { members } = variant;
  const wider = ({ Int32: 'Int64', Float32: 'Float64' } as Readonly<Record<string, string>>)[type.text];
  return members.find((member) => isSame(member, type)) ?? members.find((member) => member.text === wider);
}

/** Returns the error for a column that cannot become the type that the schema requires. */
export function incompatibleTypes(where: string, have: string, want: string): IncompatibleSchemaError {
  return new IncompatibleSchemaError(`${where} is ${have}, but the topic's schema needs ${want}`);
}

/**
 * Like {@link widened}, but returns undefined if there is no such type.
 * @throws IncompatibleSchemaError if there is none for an item or member.
 */
function joinTypes(have: ColumnType, want: ColumnType, where: string): ColumnType | undefined {
  const { bare: value } = bareType(want);
  if (isString(value) && value.isAlwaysNull === true) return nullableType(have);
  if (have.kind === 'lowCardinality') return joinLowCardinality(have, want, where);
  if (want.kind === 'lowCardinality') return joinTypes(have, want.inner, where);
  if (have.kind === 'variant') return joinVariant(have, want.kind === 'nullable' ? want.inner : want);
  if (want.kind === 'variant') return joinWithVariant(have, want);
  if (have.kind === 'nullable' || want.kind === 'nullable') {
    const bare = (type: ColumnType) => (type.kind === 'nullable' ? type.inner : type);
    const inner = joinTypes(bare(have), bare(want), where);
    return inner && nullableType(inner);
  }
  if (have.kind === 'array' && want.kind === 'array') return arrayType(widened(have.item, want.item, where));
  if (have.kind === 'map' && want.kind === 'map') {
    return mapType(widened(have.key, want.key, where), widened(have.value, want.value, where));
  }
  if (have.kind === 'tuple' && want.kind === 'tuple') return joinTuple(have, want, where);
  return isNested(have) || isNested(want) ? undefined : joinScalars(have, want);
}

function isNested({ kind }: ColumnType): boolean {
  return kind === 'array' || kind === 'map' || kind === 'tuple';
}

function joinLowCardinality(
  have: Kind<'lowCardinality'>,
  want: ColumnType,
  where: string,
): ColumnType | undefined {
  const inner = joinTypes(have.inner, want, where);
  if (inner === undefined) return undefined;
  const { bare } = bareType(inner);
  if (bare.kind === 'variant') return undefined;
  const canBe = bare.kind === 'scalar' || bare.kind === 'fixedString' || bare.kind === 'dateTime';
  return canBe ? lowCardinalityType(inner) : inner;
}

/** Joins two Tuples. A member that one side lacks is null in that side's values. */
function joinTuple(have: Kind<'tuple'>, want: Kind<'tuple'>, where: string): ColumnType {
  const kept = have.members.map((member) => {
    const wanted = want.members.find(({ name }) => name === member.name);
    return wanted
      ? { ...member, type: widened(member.type, wanted.type, `${where}.${member.name}`) }
      : { ...member, type: nullableType(member.type) };
  });
  const added = want.members
    .filter(({ name }) => !have.members.some((member) => member.name === name))
    .map(({ name, type }) => ({ name, type: nullableType(type) }));
  return tupleType([...kept, ...added]);
}

function joinVariant(variant: Kind<'variant'>, other: ColumnType): ColumnType | undefined {
  const more = other.kind === 'variant' ? other.members : [other];
  if (more.some(isNested)) return undefined;
  const added = more.filter((member) => variantMemberFor(variant, member) === undefined);
  return added.length === 0 ? variant : variantType([...variant.members, ...added.map(plain)]);
}

/**
 * Makes the column's type a member of the Variant. A String stays a String that holds the other
 * members as text, because a conversion would parse the stored texts and turn `0123` into a number.
 * The server cannot convert a Nullable to a Variant.
 */
function joinWithVariant(have: ColumnType, want: Kind<'variant'>): ColumnType | undefined {
  const { bare } = bareType(have);
  if (isString(bare)) return want.members.every(hasTextOfOurs) ? nullableType(have) : undefined;
  const canBe = have.kind === 'scalar' || have.kind === 'dateTime64' || have.kind === 'decimal';
  if (!canBe) return undefined;
  // The member must be the same, because this conversion does not turn an Int32 into an Int64.
  return want.members.some((member) => isSame(member, have)) ? want : variantType([...want.members, have]);
}

/** Removes the description of a String, which does not matter inside a Variant. */
function plain(type: ColumnType): ColumnType {
  return type.kind === 'scalar' && type.name === 'String' ? stringType : type;
}

function joinScalars(have: ColumnType, want: ColumnType): ColumnType | undefined {
  if (isSame(have, want)) return have;
  if (isString(want)) return joinWithString(have, want);
  if (isString(have)) return hasTextOfOurs(want) ? have : undefined;
  if (have.kind === 'enum') {
    const symbols = want.kind === 'enum' ? want.values.map(([symbol]) => symbol) : undefined;
    return symbols && withSymbols(have, symbols);
  }
  if (have.kind === 'decimal' || want.kind === 'decimal') return joinDecimals(have, want);
  return joinIntegers(have, want) ?? joinFloats(have, want) ?? joinTimes(have, want);
}

function joinWithString(have: ColumnType, want: StringType): ColumnType | undefined {
  if (have.kind === 'enum') {
    return want.symbols === undefined ? stringType : withSymbols(have, want.symbols);
  }
  // The text of a FixedString would lose trailing zero bytes.
  if (have.kind === 'fixedString') return want.bytes === have.bytes ? have : undefined;
  return hasText(have) ? stringType : undefined;
}

function isString(type: ColumnType): type is StringType {
  return type.kind === 'scalar' && type.name === 'String';
}

/** Returns whether the server can convert the values to a String without loss. */
function hasText(type: ColumnType): boolean {
  return ['scalar', 'dateTime', 'dateTime64', 'enum'].includes(type.kind);
}

/** Returns whether the sink can write the values as text. */
function hasTextOfOurs(type: ColumnType): boolean {
  return hasText(type) || type.kind === 'decimal';
}

function withSymbols(have: EnumType, symbols: readonly string[]): ColumnType {
  const added = symbols.filter((symbol) => !have.values.some(([known]) => known === symbol));
  if (added.length === 0) return have;
  const start = Math.max(0, ...have.values.map(([, value]) => value)) + 1;
  const values = [...have.values, ...added.map((symbol, index) => [symbol, start + index] as const)];
  const last = start + added.length - 1;
  if (last >= 2 ** 15) return stringType;
  return enumType(have.bits === 16 || last >= 2 ** 7 ? 16 : 8, values);
}

/** Bits without the sign, and decimal digits. Bool is a number of one bit. */
const integers: Readonly<Record<string, { readonly bits: number; readonly digits: number }>> = {
  Bool: { bits: 1, digits: 1 },
  Int8: { bits: 7, digits: 3 },
  UInt8: { bits: 8, digits: 3 },
  Int16: { bits: 15, digits: 5 },
  UInt16: { bits: 16, digits: 5 },
  Int32: { bits: 31, digits: 10 },
  UInt32: { bits: 32, digits: 10 },
  Int64: { bits: 63, digits: 19 },
  UInt64: { bits: 64, digits: 20 },
};

function joinIntegers(have: ColumnType, want: ColumnType): ColumnType | undefined {
  const [a, b] = [integers[have.text], integers[want.text]];
  if (a === undefined || b === undefined) return undefined;
  const bits = Math.max(a.bits, b.bits);
  const names = ['Int8', 'Int16', 'Int32', 'Int64'] as const;
  const name = names.find((wide) => (integers[wide]?.bits ?? 0) >= bits);
  return name && scalarType(name);
}

function joinFloats(have: ColumnType, want: ColumnType): ColumnType | undefined {
  const names = [have.text, want.text];
  return names.includes('Float32') && names.includes('Float64') ? scalarType('Float64') : undefined;
}

const MAX_DECIMAL_DIGITS = 76;

function joinDecimals(have: ColumnType, want: ColumnType): ColumnType | undefined {
  const [a, b] = [digitsOf(have), digitsOf(want)];
  if (a === undefined || b === undefined) return undefined;
  const scale = Math.max(a.scale, b.scale);
  const precision = Math.max(a.whole, b.whole) + scale;
  return precision <= MAX_DECIMAL_DIGITS ? decimalType(precision, scale) : undefined;
}

function digitsOf(type: ColumnType): { readonly whole: number; readonly scale: number } | undefined {
  if (type.kind === 'decimal') return { whole: type.precision - type.scale, scale: type.scale };
  const integer = integers[type.text];
  return integer && { whole: integer.digits, scale: 0 };
}

/** With this many digits, a DateTime64 covers fewer years than a Date32. */
const NARROW_DIGITS = 9;

function joinTimes(have: ColumnType, want: ColumnType): ColumnType | undefined {
  if (isDate(have) && isDate(want)) return scalarType('Date32');
  const times = [have, want].filter((type) => type.kind === 'dateTime' || type.kind === 'dateTime64');
  const [shown] = times;
  const hasTicks = times.some((type) => type.kind === 'dateTime64');
  const areTimes = [have, want].every((type) => isDate(type) || times.some((time) => time === type));
  if (shown === undefined || !hasTicks || !areTimes) return undefined;
  // A date is midnight in the zone of the column or the server: only UTC means the same instant
  // everywhere.
  if (times.length === 1 && shown.zone !== 'UTC') return undefined;
  const digits = Math.max(...times.map((type) => (type.kind === 'dateTime64' ? type.digits : 0)));
  if (digits >= NARROW_DIGITS) {
    return times.every((type) => type.kind === 'dateTime64' && type.digits === digits) && times.length > 1
      ? have
      : undefined;
  }
  // Otherwise the zone only affects display: keep the choice of the column's creator.
  return dateTime64Type(digits, shown.zone);
}

function isDate(type: ColumnType): boolean {
  return type.text === 'Date' || type.text === 'Date32';
}

/** Returns a string that is the same for equal types, however they were printed. */
function withoutText(type: ColumnType): string {
  switch (type.kind) {
    case 'scalar':
      return type.name;
    case 'nullable':
    case 'lowCardinality':
      return `${type.kind}(${withoutText(type.inner)})`;
    case 'array':
      return `array(${withoutText(type.item)})`;
    case 'map':
      return `map(${withoutText(type.key)},${withoutText(type.value)})`;
    case 'tuple':
      return `tuple(${type.members.map(({ name, type: of }) => `${JSON.stringify(name)} ${withoutText(of)}`).join()})`;
    case 'variant':
      return `variant(${type.members.map(withoutText).sort().join()})`;
    case 'enum':
      return `enum${type.bits}(${JSON.stringify(type.values)})`;
    case 'dateTime64':
      return `dateTime64(${type.digits},${String(type.zone)})`;
    case 'dateTime':
      return `dateTime(${String(type.zone)})`;
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`;
    case 'fixedString':
      return `fixedString(${type.bytes})`;
  }
}
