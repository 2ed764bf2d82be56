import {
  arrayType,
  dateTime64Type,
  dateTimeType,
  decimalType,
  enumType,
  fixedStringType,
  lowCardinalityType,
  mapType,
  nullableType,
  scalarNames,
  scalarType,
  tupleType,
  variantType,
  type Column,
  type ColumnType,
  type EnumType,
} from './column-type.ts';

const typePattern = /^([A-Za-z_]\w*)(?:\s*\(([^]*)\))?$/;
const textPattern = /^'(?:[^'\\]|\\[^]|'')*'$/;
const symbolPattern = /^('(?:[^'\\]|\\[^]|'')*')\s*=\s*(-?\d{1,15})$/;
const memberPattern = /^(`(?:[^`\\]|\\[^])*`|[A-Za-z_]\w*)\s+([^]*)$/;
const tokenPattern = /`(?:[^`\\]|\\[^])*`|'(?:[^'\\]|\\[^]|'')*'|[(),]/g;

/**
 * Parses a type that the server printed. The type and its parts keep the server's text. Returns
 * undefined for an unsupported type.
 */
export function parseColumnType(text: string): ColumnType | undefined {
  const [, name = '', parameters] = typePattern.exec(text) ?? [];
  const type = parameters === undefined ? plainType(name) : withParameters(name, partsOf(parameters));
  return type && { ...type, text };
}

function plainType(name: string): ColumnType | undefined {
  const scalar = scalarNames.find((candidate) => candidate === name);
  if (scalar !== undefined) return scalarType(scalar);
  return name === 'DateTime' ? dateTimeType(undefined) : undefined;
}

function withParameters(name: string, parts: readonly string[]): ColumnType | undefined {
  const [first = '', second = '', ...others] = parts;
  const [count, another] = [countIn(first), countIn(second)];
  switch (name) {
    case 'FixedString':
      return count === undefined || parts.length > 1 ? undefined : fixedStringType(count);
    case 'DateTime':
      return textPattern.test(first) && parts.length === 1 ? dateTimeType(unquoted(first)) : undefined;
    case 'DateTime64':
      if (count === undefined || others.length > 0) return undefined;
      if (parts.length === 1) return dateTime64Type(count, undefined);
      return textPattern.test(second) ? dateTime64Type(count, unquoted(second)) : undefined;
    case 'Decimal':
      if (count === undefined || another === undefined || others.length > 0) return undefined;
      return decimalType(count, another);
    case 'Enum8':
    case 'Enum16': {
      const values = complete(parts.map(enumValue));
      return values && enumType(name === 'Enum8' ? 8 : 16, values);
    }
    case 'Tuple': {
      const members = complete(parts.map(tupleMember));
      return members && tupleType(members);
    }
    default: {
      const types = complete(parts.map(parseColumnType));
      return types && composite(name, types);
    }
  }
}

function composite(name: string, types: readonly ColumnType[]): ColumnType | undefined {
  const [first, second] = types;
  if (name === 'Variant')
    return types.some(({ kind }) => kind === 'nullable' || kind === 'variant')
      ? undefined
      : variantType(types);
  if (first === undefined || types.length > 2) return undefined;
  if (second !== undefined) return name === 'Map' ? mapType(first, second) : undefined;
  switch (name) {
    case 'Array':
      return arrayType(first);
    case 'Nullable': {
      const type = nullableType(first);
      return type.kind === 'nullable' && first.kind !== 'nullable' ? type : undefined;
    }
    case 'LowCardinality': {
      const { kind } = first.kind === 'nullable' ? first.inner : first;
      const canBe = kind === 'scalar' || kind === 'fixedString' || kind === 'dateTime';
      return canBe ? lowCardinalityType(first) : undefined;
    }
    default:
      return undefined;
  }
}

/** Splits parameters at the commas outside quotes and parentheses. */
function partsOf(parameters: string): string[] {
  const parts: string[] = [];
  let [depth, start] = [0, 0];
  for (const { 0: token, index } of parameters.matchAll(tokenPattern)) {
    if (token === '(') depth++;
    else if (token === ')') depth--;
    else if (token === ',' && depth === 0) {
      parts.push(parameters.slice(start, index).trim());
      start = index + 1;
    }
  }
  return [...parts, parameters.slice(start).trim()];
}

function enumValue(text: string): EnumType['values'][number] | undefined {
  const [, symbol, value] = symbolPattern.exec(text) ?? [];
  return symbol === undefined ? undefined : [unquoted(symbol), Number(value)];
}

function tupleMember(text: string): Column | undefined {
  const [, name = '', typeText = ''] = memberPattern.exec(text) ?? [];
  const type = parseColumnType(typeText);
  return type && { name: name.startsWith('`') ? unquoted(name) : name, type };
}

function countIn(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** Returns all values; undefined if any of them is undefined. */
function complete<T>(values: readonly (T | undefined)[]): T[] | undefined {
  const defined = values.filter((value) => value !== undefined);
  return defined.length === values.length ? defined : undefined;
}

/** The server's escapes for unprintable characters. */
const controlCharacters: Readonly<Record<string, string>> = {
  ...{ b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' },
  ...{ 0: '\0', a: '\x07' },
};

function unquoted(text: string): string {
  const special = text.startsWith("'") ? /''|\\([^])/g : /\\([^])/g;
  return text
    .slice(1, -1)
    .replace(special, (_, escaped = "'") => controlCharacters[escaped as string] ?? String(escaped));
}
