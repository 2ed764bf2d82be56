import { quoted } from '../../core/clickhouse/client.ts';
import { bareType, type ColumnType } from '../../consumers/column/column-type.ts';
import { parseColumnType } from '../../consumers/column/parse-column-type.ts';
import { isComposite, MAX_PARQUET_DIGITS } from './exported-type.ts';

/** The format in which the values of an export are written. */
export type Form = 'parquet' | 'csv' | 'postgres';

/**
 * Returns the SQL expression that exports a column's values.
 * @param typeText the type as ClickHouse prints it.
 */
export function columnSql(form: Form, typeText: string, sql: string): string {
  const type = parseColumnType(typeText);
  if (type === undefined) return unknownSql(form, typeText, sql);
  if (form === 'parquet') return converted(type, 0).of(sql);
  const { bare } = bareType(type);
  const hasParts = ['array', 'map', 'tuple', 'variant'].includes(bare.kind);
  if (hasParts) return jsonSql(form, bare.kind === 'variant' ? sql : converted(type, 0).of(sql));
  if (bare.kind === 'decimal' || bare.kind === 'enum' || isNumber(bare)) return sql;
  return textSql(form, converted(type, 0).of(sql), bare);
}

function unknownSql(form: Form, typeText: string, sql: string): string {
  if (isComposite(typeText)) return jsonSql(form, sql);
  const text = validText(`toString(${sql})`);
  return form === 'postgres' ? withoutNul(text) : text;
}

function isNumber(type: ColumnType): boolean {
  return type.kind === 'scalar' && /Int|Float/.test(type.name);
}

function textSql(form: Form, sql: string, bare: ColumnType): string {
  const isText = (bare.kind === 'scalar' && bare.name === 'String') || bare.kind === 'fixedString';
  return form === 'postgres' && isText ? withoutNul(sql) : sql;
}

/** Replaces NUL, which PostgreSQL does not accept in text. */
function withoutNul(sql: string): string {
  return `replaceAll(${sql}, char(0), '${NUL_SYMBOL}')`;
}

const NUL_SYMBOL = '\u2400';

/**
 * Returns SQL for a value as JSON, without NUL for PostgreSQL, which does not accept it in jsonb.
 * Character 1 marks escaped backslashes, because JSON text never contains it unescaped.
 */
function jsonSql(form: Form, sql: string): string {
  const json = `toJSONString(${sql})`;
  if (form !== 'postgres') return json;
  const marked = String.raw`replaceAll(${json}, '\\\\', char(1))`;
  return String.raw`replaceAll(replaceAll(${marked}, '\\u0000', '${NUL_SYMBOL}'), char(1), '\\\\')`;
}

/**
 * Returns SQL for text as valid UTF-8, as Parquet and JSON require. A value that is not valid UTF-8
 * becomes `\x` followed by its bytes in hexadecimal.
 */
function validText(sql: string): string {
  return String.raw`if(isValidUTF8(${sql}), ${sql}, concat('\\x', lower(hex(${sql}))))`;
}

interface Conversion {
  readonly of: (sql: string) => string;
  /** Type of the result, as SQL. */
  readonly text: string;
  readonly isSame: boolean;
}

/** Returns the conversion to a type that JSON and the common Parquet readers support. */
function converted(type: ColumnType, depth: number): Conversion {
  const same = { of: (sql: string) => sql, text: type.text, isSame: true };
  const to = (text: string, of: Conversion['of']) => ({ of, text, isSame: false });
  switch (type.kind) {
    case 'nullable': {
      const inner = converted(type.inner, depth);
      return inner.isSame ? same : to(`Nullable(${inner.text})`, inner.of);
    }
    case 'lowCardinality': {
      const inner = converted(type.inner, depth);
      return inner.isSame ? same : to(inner.text, inner.of);
    }
    case 'scalar':
      if (type.name === 'String') return to('String', validText);
      return type.name === 'UInt128' ? to('String', toText) : same;
    case 'fixedString':
      // `toString` would drop trailing zero bytes.
      return to('String', (sql) => validText(`concat(${sql}, '')`));
    case 'enum':
      return to('String', toText);
    case 'decimal':
      return type.precision > MAX_PARQUET_DIGITS ? to('String', toText) : same;
    case 'dateTime':
      return type.zone === 'UTC' ? same : to("DateTime('UTC')", inUtc);
    case 'dateTime64': {
      if (type.digits > 6) return to("DateTime64(6, 'UTC')", inMicroseconds(type.digits));
      return type.zone === 'UTC' ? same : to(`DateTime64(${type.digits}, 'UTC')`, inUtc);
    }
    case 'array': {
      const item = converted(type.item, depth + 1);
      if (item.isSame) return same;
      const name = `item_${depth}`;
      return to(`Array(${item.text})`, (sql) => `arrayMap(${name} -> ${item.of(name)}, ${sql})`);
    }
    case 'map': {
      const [key, value] = [converted(type.key, depth + 1), converted(type.value, depth + 1)];
      if (key.isSame && value.isSame) return same;
      const [k, v] = [`key_${depth}`, `value_${depth}`];
      return to(
        `Map(${key.text}, ${value.text})`,
        (sql) => `mapApply((${k}, ${v}) -> (${key.of(k)}, ${value.of(v)}), ${sql})`,
      );
    }
    case 'tuple':
      return convertedTuple(type.members, same, depth);
    case 'variant':
      return to('Nullable(String)', (sql) => `toJSONString(${sql})`);
  }
}

function convertedTuple(
  members: readonly { readonly name: string; readonly type: ColumnType }[],
  same: Conversion,
  depth: number,
): Conversion {
  // Parquet has no struct without members.
  if (members.length === 0) return { of: () => "'{}'", text: 'String', isSame: false };
  const conversions = members.map((member) => converted(member.type, depth));
  if (conversions.every(({ isSame }) => isSame)) return same;
  const types = members.map(({ name }, index) => `${quoted(name)} ${conversions[index]?.text ?? ''}`);
  const text = `Tuple(${types.join(', ')})`;
  const of = (sql: string) => {
    const values = conversions.map((one, index) => one.of(`tupleElement(${sql}, ${index + 1})`));
    return `CAST(tuple(${values.join(', ')}) AS ${text})`;
  };
  return { of, text, isSame: false };
}

const toText = (sql: string) => `toString(${sql})`;

const inUtc = (sql: string) => `toTimeZone(${sql}, 'UTC')`;

/** Returns the conversion to microseconds. It rounds down, even for times before 1970. */
function inMicroseconds(digits: number): Conversion['of'] {
  const unit = 10 ** (digits - 6);
  const nanos = (sql: string) => `reinterpretAsInt64(toDateTime64(${sql}, ${digits}, 'UTC'))`;
  return (sql) =>
    `fromUnixTimestamp64Micro(intDiv(${nanos(sql)} - positiveModulo(${nanos(sql)}, ${unit}), ${unit}), 'UTC')`;
}
