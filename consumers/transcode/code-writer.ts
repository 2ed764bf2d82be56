import { DecodeError } from '../../core/errors.ts';
import type { ColumnType } from '../column/column-type.ts';
import type { DeclaredFields } from '../schema/declared-fields.ts';
import type { WriterType } from '../schema/writer-type.ts';
import type { Converter } from './converters.ts';
import type { Transcoding } from './transcoding.ts';

/**
 * Extra bytes that each capacity check reserves, so that several fixed-size values share one check.
 */
const ROOM = 256;
/** Below this length, copying a string in a loop is faster than a call. */
const LOOP_BYTES = 64;

export const faults = [
  'the bytes end within a value',
  'a union branch is missing from the schema',
  'an enum symbol is missing from the schema',
  'a boolean is neither 0 nor 1',
  'the primary key must not be null',
  'the size of a block of items differs from its header',
] as const;
export type Fault = (typeof faults)[number];

/** The generated code of one transcoder. Strings from the schema are constants, never code. */
export class Program {
  readonly functions: string[] = [];
  readonly converters: Converter[] = [];
  readonly constants: (Buffer | readonly Buffer[])[] = [];
  readonly fields: string[] = [];
  /** Declarations of fields that the writer's schema may lack. */
  readonly declared: DeclaredFields;
  /** Number of field positions in the message that the code stores. */
  starts = 0;
  #variables = 0;

  constructor(declared: DeclaredFields) {
    this.declared = declared;
  }

  variable(): number {
    return this.#variables++;
  }

  field(path: string): number {
    const last = this.fields.length - 1;
    if (this.fields[last] === path) return last;
    return this.fields.push(path) - 1;
  }

  converter(convert: Converter): string {
    return `convert${this.converters.push(convert) - 1}`;
  }

  constant(value: Buffer | readonly Buffer[]): string {
    return `texts${this.constants.push(value) - 1}`;
  }

  /** Compiles the program. @param main the name that {@link CodeWriter.finish} returned. */
  link(main: string): (at: Transcoding) => void {
    const converters = this.converters.map((_, index) => `const convert${index} = converters[${index}];`);
    const constants = this.constants.map((_, index) => `const texts${index} = constants[${index}];`);
    const parts = ['"use strict";', ...converters, ...constants, ...this.functions, `return ${main};`];
    // eslint-disable-next-line @typescript-eslint/no-implied-eval -- only our own numbers and names
    const factory = new Function('fail', 'converters', 'constants', parts.join('\n')) as (
      ...parts: unknown[]
    ) => (at: Transcoding) => void;
    return factory(fail, this.converters, this.constants);
  }
}

function fail(at: Transcoding, field: number, fault: number): never {
  at.field = field;
  throw new DecodeError(faults[fault] ?? '');
}

/**
 * Writes the code of one function. Its variables: `p` is the position in the message `src`, which
 * ends at `end`; `q` is the position in the row's bytes `dst`, whose capacity is `cap`; `b`, `n`,
 * `lo`, `hi` hold the values that were read last; loops use `i`.
 */
export class CodeWriter {
  readonly program: Program;
  readonly #lines: string[] = [];
  /** Bytes that can be written before the next check. */
  #room = 0;

  constructor(program: Program) {
    this.program = program;
  }

  line(code: string): void {
    this.#lines.push(code);
  }

  /** Ends the function and returns its name. */
  finish(): string {
    const name = `part${this.program.functions.length}`;
    this.program.functions.push(
      [
        `function ${name}(s) {`,
        'const src = s.source, end = s.end;',
        'let p = s.position, q = s.written, dst = s.target, view = s.view, cap = s.capacity;',
        'let b = 0, n = 0, i = 0, lo = 0, hi = 0;',
        ...this.#lines,
        's.position = p; s.written = q;',
        '}',
      ].join('\n'),
    );
    return name;
  }

  fault(field: number, fault: Fault): string {
    return `fail(s, ${field}, ${faults.indexOf(fault)});`;
  }

  /** Returns code that calls a method of `Transcoding` that only reads, for rare cases. */
  readBy(field: number, call: string): string {
    return `s.field = ${field}; s.position = p; ${call}; p = s.position;`;
  }

  call(field: number, name: string): void {
    this.line(
      `s.field = ${field}; s.position = p; s.written = q; ${name}(s); p = s.position; q = s.written;`,
    );
    this.line('dst = s.target; view = s.view; cap = s.capacity;');
    this.#room = 0;
  }

  needs(bytes: number): void {
    if (this.#room < bytes) this.#check(String(bytes + ROOM), bytes + ROOM);
    this.#room -= bytes;
  }

  #check(bytes: string, room: number): void {
    this.line(
      `if (q + ${bytes} > cap) { s.written = q; s.grow(${bytes}); dst = s.target; view = s.view; cap = s.capacity; }`,
    );
    this.#room = room;
  }

  /** Writes alternatives of which exactly one runs. */
  alternatives(...alternatives: readonly (() => void)[]): void {
    const room = this.#room;
    let least = Infinity;
    for (const write of alternatives) {
      this.#room = room;
      write();
      least = Math.min(least, this.#room);
    }
    this.#room = least;
  }

  /** Writes code that runs any number of times. */
  repeated(write: () => void): void {
    this.#room = 0;
    write();
    this.#room = 0;
  }

  bytes(values: readonly number[]): void {
    if (values.length === 0) return;
    this.needs(values.length);
    const [first] = values;
    if (values.length <= 8) this.line(values.map((value) => `dst[q++] = ${value};`).join(' '));
    else if (values.every((value) => value === first))
      this.line(`dst.fill(${first}, q, q += ${values.length});`);
    else this.line(`dst.set(${this.program.constant(Buffer.from(values))}, q); q += ${values.length};`);
  }

  /** Reads the lower half of an integer into `lo`, and the upper half into `hi`. */
  readLong(field: number, method: 'readLong' | 'readInt'): void {
    const slow = this.readBy(field, `s.${method}()`);
    this.line(
      `if (p < end && (b = src[p]) < 128) { p++; lo = (b >>> 1) ^ -(b & 1); hi = lo >> 31; } ` +
        `else { ${slow} lo = s.low; hi = s.high; }`,
    );
  }

  /** Writes `lo`, and `hi` above it if `bytes` is 8. */
  writeInteger(bytes: 4 | 8): void {
    this.needs(bytes);
    this.line('view.setInt32(q, lo, true);');
    if (bytes === 8) this.line('view.setInt32(q + 4, hi, true);');
    this.line(`q += ${bytes};`);
  }

  /** Reads the length of a string into `n`. */
  readLength(field: number): void {
    const slow = this.readBy(field, 'n = s.readLength()');
    this.line(
      `if (p < end && (b = src[p]) < 128 && (b & 1) === 0 && (n = b >>> 1) < end - p) p++; else { ${slow} }`,
    );
  }

  /** Writes a count as LEB128. The caller ensures room. */
  writeCount(count: string): void {
    this.line(
      `if (${count} < 128) dst[q++] = ${count}; else { s.written = q; s.writeVarint(${count}); q = s.written; }`,
    );
  }

  /** Copies a string with its length, which is in `n`. */
  copyText(): void {
    this.#check('n + 261', ROOM);
    this.writeCount('n');
    this.line(
      `if (n < ${LOOP_BYTES}) for (i = p + n; p < i;) dst[q++] = src[p++]; ` +
        `else { dst.set(src.subarray(p, p + n), q); p += n; q += n; }`,
    );
  }

  copyBytes(field: number, bytes: number): void {
    this.line(`if (end - p < ${bytes}) ${this.fault(field, 'the bytes end within a value')}`);
    this.needs(bytes);
    if (bytes > 16) {
      this.line(`dst.set(src.subarray(p, p + ${bytes}), q); p += ${bytes}; q += ${bytes};`);
      return;
    }
    for (let byte = 0; byte < bytes; byte++) this.line(`dst[q + ${byte}] = src[p + ${byte}];`);
    this.line(`p += ${bytes}; q += ${bytes};`);
  }

  /** Writes the string at index `lo`. Each string is prefixed with its length. */
  writeOneOf(field: number, texts: readonly Buffer[]): void {
    const longest = texts.reduce((most, { length }) => Math.max(most, length), 0);
    this.line(
      `if (lo < 0 || lo >= ${texts.length}) ${this.fault(field, 'an enum symbol is missing from the schema')}`,
    );
    this.needs(longest);
    const name = `v${this.program.variable()}`;
    this.line(`const ${name} = ${this.program.constant(texts)}[lo];`);
    this.line(`for (i = 0; i < ${name}.length; i++) dst[q++] = ${name}[i];`);
  }

  /** Reads the index of a union's branch, doubled, into `b`. */
  readBranch(field: number, branches: number): void {
    const slow = this.readBy(field, `b = 2 * s.readIndex(${branches})`);
    this.line(`if (p < end && (b = src[p]) < 128) p++; else { ${slow} }`);
  }

  /**
   * Reads the blocks of an array or map, and writes the total count before the items. Writes the
   * count of the first block, nearly always the only one, and corrects it if more blocks follow.
   */
  blocks(field: number, minBytes: number, item: () => void): void {
    const id = this.program.variable();
    const [count, total, first, start, blockEnd, left] = ['c', 't', 'f', 'q', 'e', 'l'].map(
      (name) => `${name}${id}`,
    );
    const slow = this.readBy(field, `${count} = s.readBlockCount(${minBytes})`);
    const read =
      minBytes === 0
        ? `${slow} ${blockEnd} = s.blockEnd;`
        : `if (p < end && (b = src[p]) < 128 && (b & 1) === 0 && (b >>> 1) * ${minBytes} < end - p) ` +
          `{ p++; ${count} = b >>> 1; ${blockEnd} = -1; } else { ${slow} ${blockEnd} = s.blockEnd; }`;
    this.line(`let ${count} = 0, ${blockEnd} = -1; ${read}`);
    this.needs(5);
    this.line(`const ${start} = q, ${first} = ${count}; let ${total} = ${count};`);
    this.writeCount(String(count));
    this.line(`while (${count} !== 0) {`);
    this.repeated(() => {
      this.line(`for (let ${left} = ${count}; ${left} > 0; ${left}--) {`);
      this.repeated(item);
      this.line('}');
      this.line(
        `if (${blockEnd} >= 0 && p !== ${blockEnd}) ${this.fault(field, 'the size of a block of items differs from its header')}`,
      );
      this.line(`${read} ${total} += ${count};`);
    });
    this.line('}');
    this.line(
      `if (${total} !== ${first}) { s.written = q; s.correctCount(${start}, ${first}, ${total}); q = s.written; ` +
        'dst = s.target; view = s.view; cap = s.capacity; }',
    );
  }
}

/** The value that code is written for. */
export interface Place {
  readonly path: string;
  /** Whether it is a field of the primary key, where null is an error. */
  readonly isKey: boolean;
}

/**
 * Writes the code for one value. The function is passed as a parameter, because values and records
 * contain each other.
 */
export type ValueWriter = (code: CodeWriter, type: WriterType, column: ColumnType, place: Place) => void;
