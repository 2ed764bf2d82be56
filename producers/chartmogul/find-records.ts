/** The position of a record in the bytes of a page. */
export interface RecordSpan {
  readonly start: number;
  /** The index after the record's last byte. */
  readonly end: number;
  /** Whether the record may contain a number that a double would round. */
  readonly mayRound: boolean;
  /**
   * The value of the key field; undefined if it is absent, of another type or in an unusual
   * notation.
   */
  readonly key: string | undefined;
}

/** The only field of a primary key. */
export interface KeyField {
  /** The name as the records spell it. */
  readonly name: string;
  readonly type: 'string' | 'long';
}

export interface PageSpans {
  /** The JSON text of the page with an empty list in place of its records. */
  readonly envelope: string;
  readonly records: readonly RecordSpan[];
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** A double reproduces every number of at most 15 digits without an exponent. */
const EXACT_DIGITS = 15;

/** Thrown for a page that requires the general parser. */
class UnusualPage extends Error {}

/**
 * Finds the records of a page without parsing them: the objects in the list under one of
 * `listKeys`. Returns undefined for a page in any other form, such as one with two of these lists,
 * and for some pages that are not JSON. Does not validate the records: a span may contain invalid
 * JSON.
 *
 * @param page in UTF-8.
 */
export function findRecords(
  page: Buffer,
  listKeys: readonly string[],
  keyField: KeyField | undefined,
): PageSpans | undefined {
  try {
    return new Scanner(page, keyField).page(listKeys);
  } catch (error) {
    if (error instanceof UnusualPage) return undefined;
    throw error;
  }
}

class Scanner {
  readonly #page: Buffer;
  readonly #keyName: Buffer | undefined;
  readonly #isKeyText: boolean;
  #at = 0;
  #mayRound = false;

  constructor(page: Buffer, keyField: KeyField | undefined) {
    this.#page = page;
    this.#keyName = keyField && Buffer.from(keyField.name);
    this.#isKeyText = keyField?.type === 'string';
  }

  page(listKeys: readonly string[]): PageSpans {
    const lists = new Map<string, { start: number; records: RecordSpan[]; end: number }>();
    const isEscaped = this.#members((start, end) => {
      const name = this.#page.toString('utf8', start, end);
      if (lists.has(name)) throw new UnusualPage();
      const from = this.#at;
      if (listKeys.includes(name) && this.#page[from] === OPEN_BRACKET)
        lists.set(name, { start: from, records: this.#list(), end: this.#at });
      else this.#value();
    });
    // An escaped name may be the name of the list.
    if (isEscaped || this.#next() !== undefined) throw new UnusualPage();
    const found = listKeys.map((name) => lists.get(name)).find((list) => list !== undefined);
    if (found === undefined || lists.size > 1) throw new UnusualPage();
    const { start, records, end } = found;
    const envelope = `${this.#page.toString('utf8', 0, start)}[]${this.#page.toString('utf8', end)}`;
    return { envelope, records };
  }

  #list(): RecordSpan[] {
    const records: RecordSpan[] = [];
    this.#at++;
    if (this.#next() === CLOSE_BRACKET) {
      this.#at++;
      return records;
    }
    for (;;) {
      if (this.#next() !== OPEN_BRACE) throw new UnusualPage();
      records.push(this.#record());
      const after = this.#next();
      this.#at++;
      if (after === CLOSE_BRACKET) return records;
      if (after !== COMMA) throw new UnusualPage();
    }
  }

  #record(): RecordSpan {
    const start = this.#at;
    this.#mayRound = false;
    let key: string | undefined;
    const isEscaped = this.#members((from, to) => {
      const isKey = this.#isKeyName(from, to);
      const valueAt = this.#at;
      this.#value();
      // If the name is repeated, its last value counts.
      if (isKey)
        key = this.#isKeyText ? this.#plainText(valueAt, this.#at) : this.#plainInteger(valueAt, this.#at);
    });
    // An escaped name may be the name of the key field.
    return { start, end: this.#at, mayRound: this.#mayRound, key: isEscaped ? undefined : key };
  }

  /**
   * Calls `member` at the value of each member of an object, with the position of the member's
   * name. Returns whether any name contains an escape.
   */
  #members(member: (nameStart: number, nameEnd: number) => void): boolean {
    let hasEscape = false;
    if (this.#next() !== OPEN_BRACE) throw new UnusualPage();
    this.#at++;
    if (this.#next() === CLOSE_BRACE) {
      this.#at++;
      return hasEscape;
    }
    for (;;) {
      if (this.#next() !== QUOTE) throw new UnusualPage();
      const nameStart = this.#at + 1;
      if (this.#string()) hasEscape = true;
      const nameEnd = this.#at - 1;
      if (this.#next() !== COLON) throw new UnusualPage();
      this.#at++;
      this.#next();
      member(nameStart, nameEnd);
      const after = this.#next();
      this.#at++;
      if (after === CLOSE_BRACE) return hasEscape;
      if (after !== COMMA) throw new UnusualPage();
    }
  }

  /** Skips a value: an object, an array, a string, a number or a literal. */
  #value(): void {
    const page = this.#page;
    let depth = 0;
    for (;;) {
      const byte = page[this.#at];
      if (byte === QUOTE) this.#string();
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        depth++;
        this.#at++;
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        depth--;
        this.#at++;
      } else if (byte === undefined) throw new UnusualPage();
      else if (byte === COMMA || byte === COLON || byte <= 0x20) this.#at++;
      else this.#scalar();
      if (depth === 0) return;
    }
  }

  #scalar(): void {
    const page = this.#page;
    const start = this.#at;
    let at = start;
    let hasExponent = false;
    for (let byte = page[at]; byte !== undefined && byte > 0x20; byte = page[++at]) {
      if (byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET) break;
      if ((byte | 0x20) === 0x65) hasExponent = true;
    }
    this.#at = at;
    const first = page[start] ?? 0;
    const isNumber = first === MINUS || (first >= 0x30 && first <= 0x39);
    if (isNumber && (hasExponent || at - start > EXACT_DIGITS)) this.#mayRound = true;
  }

  /** Skips a string, starting at its opening quote. Returns whether it contains an escape. */
  #string(): boolean {
    const page = this.#page;
    let isEscaped = false;
    let at = this.#at + 1;
    for (let byte = page[at]; byte !== QUOTE; byte = page[at]) {
      if (byte === undefined) throw new UnusualPage();
      at++;
      if (byte !== BACKSLASH) continue;
      isEscaped = true;
      at++;
    }
    this.#at = at + 1;
    return isEscaped;
  }

  /** Skips white space and returns the byte after it. */
  #next(): number | undefined {
    const page = this.#page;
    let byte = page[this.#at];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = page[++this.#at];
    return byte;
  }

  #isKeyName(start: number, end: number): boolean {
    const name = this.#keyName;
    if (name === undefined || end - start !== name.length) return false;
    for (let index = 0; index < name.length; index++)
      if (this.#page[start + index] !== name[index]) return false;
    return true;
  }

  #plainText(start: number, end: number): string | undefined {
    if (this.#page[start] !== QUOTE) return undefined;
    for (let at = start + 1; at < end - 1; at++) {
      const byte = this.#page[at] ?? 0;
      if (byte < 0x20 || byte > 0x7e || byte === BACKSLASH) return undefined;
    }
    return this.#page.toString('latin1', start + 1, end - 1);
  }

  /**
   * Returns the text of an integer of at most 15 digits; undefined for any other value. Excludes
   * integers with a sign, because `-0` is the same key as `0`.
   */
  #plainInteger(start: number, end: number): string | undefined {
    if (end - start > EXACT_DIGITS) return undefined;
    for (let at = start; at < end; at++) {
      const byte = this.#page[at] ?? 0;
      if (byte < 0x30 || byte > 0x39) return undefined;
    }
    return this.#page.toString('latin1', start, end);
  }
}
