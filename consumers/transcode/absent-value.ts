import { defaultAvro } from '../schema/default-value.ts';
import type { WriterField } from '../schema/writer-type.ts';
import type { ColumnType } from '../column/column-type.ts';
import { CodeWriter, Program, type ValueWriter } from './code-writer.ts';
import { defaultBytes } from './column-default.ts';
import { RowBuffer } from './row-buffer.ts';
import { Transcoding } from './transcoding.ts';

/**
 * Returns the column's RowBinary for messages without the field: the field's default if it is
 * valid, else the bytes of an absent value.
 */
export function absentBytes(
  field: WriterField | undefined,
  column: ColumnType,
  writeValue: ValueWriter,
): readonly number[] {
  const avro = field?.default === undefined ? undefined : defaultAvro(field.type, field.default);
  if (field === undefined || avro === undefined) return defaultBytes(column, field?.type);
  const program = new Program(new Map());
  const code = new CodeWriter(program);
  writeValue(code, field.type, column, { path: field.name, isKey: false });
  const write = program.link(code.finish());
  const at = new Transcoding(program.starts);
  at.begin(avro, 0, new RowBuffer(avro.length));
  write(at);
  return [...at.target.subarray(0, at.written)];
}
