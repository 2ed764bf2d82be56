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

const tokenPattern = /\s*(`(?:[^`\\]|\\[^])*`|'(?:[^'\\]|\\[^]|'')*'|-?\d+|[A-Za-z_][A-Za-z0-9_]*|[(),=])/y;

/**
 * Parses a type as `system.columns` prints it: `Array(Tuple(a Nullable(String), b Int64))`. The
 * type and its parts keep their printed text. Returns undefined for a type that the sink does not
 * support, in a column that the user added.
 */
export function parseColumnType(text: string): ColumnType | undefined {
  try {
    return new TypeParser(text).whole();
  } catch (error) {
    if (error instanceof UnknownTypeError) return undefined;
    throw error;
  }
}

class UnknownTypeError extends Error {}

interface Token {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

class TypeParser {
  readonly #text: string;
  readonly #tokens: Token[] = [];
  #next = 0;

  constructor(text: string) {
    this.#text = text;
    for (let end = 0; end < text.length;) {
      tokenPattern.lastIndex = end;
      const found = tokenPattern.exec(text);
      const token = found?.[1];
      if (token === undefined) throw new UnknownTypeError();
      end = tokenPattern.lastIndex;
      this.#tokens.push({ text: token, start: end - token.length, end });
    }
  }

  whole(): ColumnType {
    const type = this.#type();
    if (this.#next !== this.#tokens.length) throw new UnknownTypeError();
    return type;
  }

  #type(): ColumnType {
    const start = this.#tokens[this.#next]?.start;
    const type = this.#plainType();
    const end = this.#tokens[this.#next - 1]?.end;
    return { ...type, text: this.#text.slice(start, end) };
  }

  #plainType(): ColumnType {
    const name = this.#take();
    const scalar = scalarNames.find((candidate) => candidate === name);
    if (scalar !== undefined) return scalarType(scalar);
    if (name === 'DateTime' && !this.#isNext('(')) return dateTimeType(undefined);
    return this.#wrapped(() => this.#withParameters(name));
  }

  #withParameters(name: string): ColumnType {
    switch (name) {
      case 'Nullable':
        return nullableScalar(this.#type());
      case 'LowCardinality':
        return lowCardinalityScalar(this.#type());
      case 'Array':
        return arrayType(this.#type());
      case 'Map': {
        const key = this.#type();
        this.#expect(',');
        return mapType(key, this.#type());
      }
      case 'Tuple':
        return tupleType(this.#listOf(() => this.#member()));
      case 'Variant':
        return this.#variant();
      case 'FixedString':
        return fixedStringType(this.#count());
      case 'DateTime':
        return dateTimeType(this.#quotedText("'"));
      case 'DateTime64':
        return dateTime64Type(this.#count(), this.#skip(',') ? this.#quotedText("'") : undefined);
      case 'Decimal': {
        const precision = this.#count();
        this.#expect(',');
        return decimalType(precision, this.#count());
      }
      case 'Enum8':
      case 'Enum16':
        return this.#enum(name === 'Enum8' ? 8 : 16);
      default:
        throw new UnknownTypeError();
    }
  }

  #member(): Column {
    const isQuoted = this.#peek()?.startsWith('`') === true;
    const name = isQuoted ? this.#quotedText('`') : this.#take();
    if (!isQuoted && !/^[A-Za-z_]/.test(name)) throw new UnknownTypeError();
    return { name, type: this.#type() };
  }

  #enum(bits: 8 | 16): EnumType {
    return enumType(
      bits,
      this.#listOf(() => {
        const symbol = this.#quotedText("'");
        this.#expect('=');
        return [symbol, this.#integer()] as const;
      }),
    );
  }

  #variant(): ColumnType {
    const members = this.#listOf(() => this.#type());
    if (members.some(({ kind }) => kind === 'nullable' || kind === 'variant')) throw new UnknownTypeError();
    return variantType(members);
  }

  #listOf<T>(part: () => T): T[] {
    const list = [part()];
    while (this.#skip(',')) list.push(part());
    return list;
  }

  #wrapped<T>(inner: () => T): T {
    this.#expect('(');
    const result = inner();
    this.#expect(')');
    return result;
  }

  #quotedText(quote: '`' | "'"): string {
    const token = this.#take();
    if (!token.startsWith(quote)) throw new UnknownTypeError();
    const special = quote === "'" ? /''|\\([^])/g : /\\([^])/g;
    return token.slice(1, -1).replace(special, (_, escaped: string | undefined) => {
      if (escaped === undefined) return "'";
      return controlCharacters.get(escaped) ?? escaped;
    });
  }

  #count(): number {
    const count = this.#integer();
    if (count < 0) throw new UnknownTypeError();
    return count;
  }

  #integer(): number {
    const token = this.#take();
    if (!/^-?\d{1,15}$/.test(token)) throw new UnknownTypeError();
    return Number(token);
  }

  #peek(): string | undefined {
    return this.#tokens[this.#next]?.text;
  }

  #isNext(text: string): boolean {
    return this.#peek() === text;
  }

  #take(): string {
    const token = this.#tokens[this.#next++];
    if (token === undefined) throw new UnknownTypeError();
    return token.text;
  }

  #skip(text: string): boolean {
    if (!this.#isNext(text)) return false;
    this.#next++;
    return true;
  }

  #expect(text: string): void {
    if (!this.#skip(text)) throw new UnknownTypeError();
  }
}

/** The server's escapes of unprintable characters. */
const controlCharacters: ReadonlyMap<string, string> = new Map([
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['0', '\0'],
  ['a', '\x07'],
  ['v', '\v'],
]);

function nullableScalar(inner: ColumnType): ColumnType {
  const type = nullableType(inner);
  if (type.kind !== 'nullable' || inner.kind === 'nullable') throw new UnknownTypeError();
  return type;
}

function lowCardinalityScalar(inner: ColumnType): ColumnType {
  const { kind } = inner.kind === 'nullable' ? inner.inner : inner;
  const canBe = kind === 'scalar' || kind === 'fixedString' || kind === 'dateTime';
  if (!canBe) throw new UnknownTypeError();
  return lowCardinalityType(inner);
}
