import { ByteWriter } from '../../core/avro/byte-writer.ts';
import { IncompatibleSchemaError } from '../../core/errors.ts';
import {
  isAlwaysNull,
  isJsonText,
  isOpenObject,
  membersOf,
  minBytesOf,
  splitUnion,
  type UnionType,
  type WriterType,
} from '../schema/writer-type.ts';
import { columnTypeOf } from '../column/column-type-of.ts';
import { stringType, type ColumnType } from '../column/column-type.ts';
import { variantMemberFor } from '../column/widened.ts';
import type { CodeWriter, Place } from './code-writer.ts';
import { defaultBytes } from './column-default.ts';
import { converterOf, type Converter } from './converters.ts';
import { readJsonText } from './json-text.ts';
import { writeRecord } from './record-code.ts';

/** Writes code that copies a value from `p` to `q`. @throws IncompatibleSchemaError */
export function writeValue(code: CodeWriter, type: WriterType, column: ColumnType, place: Place): void {
  if (isJsonText(type)) writeJson(code, type, column, place);
  else if (type.kind === 'union') writeUnion(code, type, column, place);
  else if (type.kind === 'null') writeAbsent(code, type, column, place);
  else writePresent(code, type, column, place);
}

/**
 * Returns the RowBinary prefix of a value that is not null, and the type of the value itself;
 * undefined if no member of the Variant holds it.
 */
function presentIn(
  column: ColumnType,
  want: ColumnType,
): { readonly prefix: readonly number[]; readonly bare: ColumnType } | undefined {
  if (column.kind === 'lowCardinality') return presentIn(column.inner, want);
  if (column.kind === 'nullable') return { prefix: [0], bare: column.inner };
  if (column.kind !== 'variant') return { prefix: [], bare: column };
  const bare = variantMemberFor(column, want);
  return bare && { prefix: [column.members.indexOf(bare)], bare };
}

function mayBeNull(column: ColumnType): boolean {
  if (column.kind === 'lowCardinality') return mayBeNull(column.inner);
  return ['nullable', 'variant', 'array', 'map', 'tuple'].includes(column.kind);
}

/** Writes the null of a union that has other values. */
function writeNull(code: CodeWriter, type: UnionType, column: ColumnType, place: Place): void {
  if (!place.isKey && !mayBeNull(column) && !isOpenObject(type)) throw cannotHold(place.path, 'null', column);
  writeAbsent(code, type, column, place);
}

/** Writes a null as the bytes of an absent value. */
function writeAbsent(code: CodeWriter, type: WriterType, column: ColumnType, { path, isKey }: Place): void {
  if (isKey) code.line(code.fault(code.program.field(path), 'the primary key must not be null'));
  else code.bytes(defaultBytes(column, type));
}

function writeUnion(code: CodeWriter, type: UnionType, column: ColumnType, place: Place): void {
  const field = code.program.field(place.path);
  const { nullIndex, values } = splitUnion(type);
  code.readBranch(field, type.branches.length);
  const alternatives = values.map((branch) => ({
    index: branch.index,
    write: () => writePresent(code, branch.type, column, place),
  }));
  if (nullIndex !== undefined) {
    const writeMissing = values.length === 0 ? writeAbsent : writeNull;
    alternatives.push({ index: nullIndex, write: () => writeMissing(code, type, column, place) });
  }
  code.alternatives(
    ...alternatives.map(({ index, write }, number) => () => {
      code.line(`${number === 0 ? '' : '} else '}if (b === ${index * 2}) {`);
      write();
    }),
  );
  code.line(`} else ${code.fault(field, 'a union branch is missing from the schema')}`);
}

function writePresent(code: CodeWriter, type: WriterType, column: ColumnType, place: Place): void {
  const want = isAlwaysNull(type) ? undefined : columnTypeOf(type);
  const present = presentIn(column, want ?? stringType);
  if (present === undefined) throw cannotHold(place.path, type.kind, column);
  if (isJsonText(type)) {
    writeJson(code, type, column, place);
    return;
  }
  code.bytes(present.prefix);
  writeBare(code, type, present.bare, place);
}

function writeBare(code: CodeWriter, type: WriterType, column: ColumnType, place: Place): void {
  const { path } = place;
  const field = code.program.field(path);
  if (type.kind === 'record' && column.kind === 'tuple') {
    writeRecord(code, membersOf(type), column.members, place, [], writeValue);
    return;
  }
  if (type.kind === 'array' && column.kind === 'array') {
    const item = { path: `${path}[]`, isKey: false };
    code.blocks(field, minBytesOf(type.items), () => writeValue(code, type.items, column.item, item));
    return;
  }
  if (type.kind === 'map' && column.kind === 'map') {
    const value = { path: `${path}{}`, isKey: false };
    code.blocks(field, 1 + minBytesOf(type.values), () => {
      writeValue(code, { kind: 'string' }, column.key, value);
      writeValue(code, type.values, column.value, value);
    });
    return;
  }
  if (writeDirectly(code, type, column, field, place)) return;
  const convert = converterOf(type, column);
  if (convert === undefined) throw cannotHold(path, type.kind, column);
  code.call(field, code.program.converter(convert));
}

/** Writes the code for a scalar whose column has the same encoding; returns false if it differs. */
function writeDirectly(
  code: CodeWriter,
  type: WriterType,
  column: ColumnType,
  field: number,
  { isKey }: Place,
): boolean {
  switch (`${type.kind} ${column.kind === 'scalar' ? column.name : column.kind}`) {
    case 'boolean Bool':
      code.line(`if (p >= end) ${code.fault(field, 'the bytes end within a value')}`);
      code.line(`if ((b = src[p++]) > 1) ${code.fault(field, 'a boolean is neither 0 nor 1')}`);
      code.needs(1);
      code.line('dst[q++] = b;');
      return true;
    case 'int Int32':
    case 'time-millis Int32':
    case 'date Date32':
      code.readLong(field, 'readInt');
      code.writeInteger(4);
      return true;
    case 'int Int64':
    case 'time-millis Int64':
      code.readLong(field, 'readInt');
      code.writeInteger(8);
      return true;
    case 'long Int64':
    case 'time-micros Int64':
      code.readLong(field, 'readLong');
      code.writeInteger(8);
      return true;
    case 'timestamp dateTime64':
      if (type.kind !== 'timestamp' || column.kind !== 'dateTime64' || type.digits !== column.digits)
        return false;
      code.readLong(field, 'readLong');
      code.writeInteger(8);
      return true;
    case 'float Float32':
      code.copyBytes(field, 4);
      return true;
    case 'double Float64':
      code.copyBytes(field, 8);
      return true;
    default: {
      // The text of a key must equal the message key.
      const isKeyText = isKey && type.kind === 'uuid' && type.isText;
      return writeTextDirectly(code, isKeyText ? { kind: 'string' } : type, column, field);
    }
  }
}

function writeTextDirectly(code: CodeWriter, type: WriterType, column: ColumnType, field: number): boolean {
  if (type.kind === 'fixed' && column.kind === 'fixedString' && type.bytes === column.bytes) {
    code.copyBytes(field, type.bytes);
    return true;
  }
  if (column.kind !== 'scalar' || column.name !== 'String') return false;
  if (type.kind === 'string' || type.kind === 'bytes' || type.kind === 'json') {
    code.readLength(field);
    code.copyText();
    return true;
  }
  if (type.kind === 'fixed') {
    code.line(`if (end - p < ${type.bytes}) ${code.fault(field, 'the bytes end within a value')}`);
    code.line(`n = ${type.bytes};`);
    code.copyText();
    return true;
  }
  if (type.kind !== 'enum') return false;
  code.readLong(field, 'readInt');
  code.writeOneOf(field, type.symbols.map(sizedText));
  return true;
}

function sizedText(text: string): Buffer {
  const bytes = Buffer.from(text);
  const out = new ByteWriter();
  out.sizedBytes(bytes, 0, bytes.length);
  return Buffer.from(out.view());
}

/** Writes a call that converts a value to JSON text. JSON text is too rare for generated code. */
function writeJson(code: CodeWriter, type: WriterType, column: ColumnType, { path, isKey }: Place): void {
  const { nullIndex } = splitUnion(type);
  const present = presentIn(column, stringType);
  const isHolder = present?.bare.kind === 'scalar' && present.bare.name === 'String';
  if (!isHolder || (nullIndex !== undefined && !mayBeNull(column)) || isKey)
    throw cannotHold(path, 'JSON text', column);
  const absent = defaultBytes(column);
  const convert: Converter = (at) => {
    let value = type;
    if (type.kind === 'union') {
      const index = at.readIndex(type.branches.length);
      value = type.branches[index] ?? value;
      if (index === nullIndex) {
        for (const byte of absent) at.writeByte(byte);
        return;
      }
    }
    for (const byte of present.prefix) at.writeByte(byte);
    at.writeText(readJsonText(value, at));
  };
  code.call(code.program.field(path), code.program.converter(convert));
}

function cannotHold(path: string, kind: string, column: ColumnType): IncompatibleSchemaError {
  return new IncompatibleSchemaError(
    `field ${path}: a column of type ${column.text} cannot hold the topic's values of type ${kind}: run npm run replay if the whole topic fits the new type; otherwise rename the column`,
  );
}
