import { DecodeError } from '../../core/errors.ts';
import type { DeclaredFields } from '../schema/declared-fields.ts';
import type { WriterSchema } from '../schema/writer-type.ts';
import type { Column } from '../column/column-type.ts';
import { CodeWriter, Program } from './code-writer.ts';
import { writeRecord } from './record-code.ts';
import { writeValue } from './value-code.ts';
import type { RowBuffer } from './row-buffer.ts';
import { Transcoding } from './transcoding.ts';

/** Converts messages of one writer schema directly to the RowBinary rows of one table. */
export interface RowTranscoder {
  /**
   * Appends the row of the message whose Avro bytes begin at `start` and end before `end`, by
   * default the end of `bytes`.
   * @throws DecodeError, with `out.length` unchanged.
   */
  readonly transcode: (bytes: Buffer, start: number, out: RowBuffer, end?: number) => void;
}

const NO_FIELD = -1;

/**
 * Compiles the transcoder of a schema for the given columns, in their order. A column whose field
 * the schema lacks gets the field's default or an absent value: see `absentBytes`. The code copies
 * bytes directly, without objects, strings or BigInt for values that need no conversion.
 * @param columns already widened for this schema: see `widened`.
 * @param primaryKey the columns in which null is an error.
 * @param declared the fields of all schemas, for defaults of fields that this schema lacks.
 * @param isWhole whether leftover bytes of a message are an error.
 * @throws IncompatibleSchemaError if a column cannot hold its field's values.
 */
export function compileRowTranscoder(
  schema: WriterSchema,
  columns: readonly Column[],
  primaryKey: readonly string[],
  declared: DeclaredFields = new Map(),
  isWhole = true,
): RowTranscoder {
  const program = new Program(declared);
  const main = new CodeWriter(program);
  writeRecord(main, schema.fields, columns, { path: '', isKey: false }, primaryKey, writeValue);
  const run = program.link(main.finish());
  const at = new Transcoding(program.starts);
  return {
    transcode(bytes, start, out, end = bytes.length) {
      at.begin(bytes, start, out, end);
      try {
        run(at);
        if (isWhole && at.position !== end) {
          at.field = NO_FIELD;
          throw new DecodeError('bytes are left over after the last field');
        }
        out.length = at.written;
      } catch (error) {
        throw error instanceof DecodeError ? located(error, program.fields[at.field]) : error;
      } finally {
        at.release();
      }
    },
  };
}

function located(error: DecodeError, field: string | undefined): DecodeError {
  return field === undefined ? error : new DecodeError(`field ${field}: ${error.message}`, { cause: error });
}
