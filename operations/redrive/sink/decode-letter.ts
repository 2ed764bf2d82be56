import type { Registry } from '../../../core/avro/registry.ts';
import { FRAME_BYTES, schemaIdOf } from '../../../core/avro/wire-format.ts';
import type { StoredLetter } from '../../../core/dead-letters/parse-letter.ts';
import { exactJson, whyNot } from '../../../core/dead-letters/text.ts';
import { DecodeError, EtlError, UnknownSchemaError } from '../../../core/errors.ts';
import { readWriterSchema } from '../../../consumers/stream/stream-schemas.ts';
import { isDelete } from './insert-letters.ts';
import { readJsonText } from '../../../consumers/transcode/json-text.ts';
import { RowBuffer } from '../../../consumers/transcode/row-buffer.ts';
import { Transcoding } from '../../../consumers/transcode/transcoding.ts';

/**
 * What was set aside, as JSON text, or why it can be shown as bytes only: such as a registry that is away.
 *
 * @param value of the letter.
 */
export async function letterContent(
  letter: StoredLetter,
  value: Buffer,
  registry: Registry,
): Promise<{ readonly record: string } | { readonly why: string }> {
  const { bytes, wholeBytes } = letter;
  if (bytes < wholeBytes)
    return {
      why: `the first ${bytes} of ${wholeBytes} bytes: all were too much for the topic of dead letters`,
    };
  if (letter.step === 'sink' && isDelete(letter)) return { why: 'a delete: it has no bytes' };
  try {
    const record =
      letter.step === 'sink' ? await decodedMessage(letter.stream, value, registry) : value.toString('utf8');
    exactJson(record);
    return { record };
  } catch (error) {
    if (!(error instanceof EtlError || error instanceof SyntaxError)) throw error;
    return { why: `shown as bytes, since it cannot be decoded: ${whyNot(error)}` };
  }
}

/**
 * The record of a message by the schema that it names, as JSON text; exact to the last digit. The bytes are hostile: see
 * {@link Transcoding}.
 *
 * @throws DecodeError, UnknownSchemaError, IncompatibleSchemaError; ServiceUnavailableError, ServiceRefusedError
 */
async function decodedMessage(stream: string, value: Buffer, registry: Registry): Promise<string> {
  const id = schemaIdOf(value);
  const schema = await registry.schemaText(id);
  if (schema === undefined) throw new UnknownSchemaError(`the registry has no Avro schema ${id}`);
  const { fields } = await readWriterSchema(registry, stream, schema);
  const at = new Transcoding();
  at.begin(value, FRAME_BYTES, new RowBuffer(0));
  const record = readJsonText({ kind: 'record', fields, isRecursive: false }, at);
  if (at.position !== value.length) throw new DecodeError('bytes are left over behind the last field');
  return record;
}
