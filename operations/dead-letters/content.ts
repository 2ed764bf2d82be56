import type { Registry } from '../../core/avro/registry.ts';
import { FRAME_BYTES, schemaIdOf } from '../../core/avro/wire-format.ts';
import type { StoredDeadLetter } from '../../core/dead-letters/reader.ts';
import { DecodeError, EtlError, messageOf, UnknownSchemaError } from '../../core/errors.ts';
import { visibleLine } from '../../core/terminal/terminal.ts';
import { readWriterSchema } from '../../consumers/stream/stream-schemas.ts';
import { readJsonText } from '../../consumers/transcode/json-text.ts';
import { RowBuffer } from '../../consumers/transcode/row-buffer.ts';
import { Transcoding } from '../../consumers/transcode/transcoding.ts';
import { exactJson } from './exact-json.ts';

/** The rejected value as JSON text, or the reason why only its bytes can be shown. */
export type DeadLetterContent = { readonly record: string } | { readonly why: string };

export async function readContent(
  deadLetter: StoredDeadLetter,
  value: Buffer,
  registry: Registry,
): Promise<DeadLetterContent> {
  const { bytes, originalBytes } = deadLetter;
  if (bytes < originalBytes)
    return {
      why: `the first ${bytes} of ${originalBytes} bytes: the whole value is too large for the dead-letter topic`,
    };
  if (deadLetter.step === 'sink' && deadLetter.isDelete) return { why: 'a delete: it has no bytes' };
  try {
    const record =
      deadLetter.step === 'sink'
        ? await decodeMessage(deadLetter.stream, value, registry)
        : value.toString('utf8');
    exactJson(record);
    return { record };
  } catch (error) {
    if (!(error instanceof EtlError || error instanceof SyntaxError)) throw error;
    const reason = error instanceof SyntaxError ? 'it is not JSON' : visibleLine(messageOf(error));
    return { why: `shown as bytes, since it cannot be decoded: ${reason}` };
  }
}

/**
 * Decodes a message to JSON text, unrounded. The bytes are untrusted: see {@link Transcoding}.
 * @throws EtlError
 */
async function decodeMessage(stream: string, value: Buffer, registry: Registry): Promise<string> {
  const id = schemaIdOf(value);
  const schema = await registry.schemaText(id);
  if (schema === undefined) throw new UnknownSchemaError(`the registry has no Avro schema ${id}`);
  const { fields } = await readWriterSchema(registry, stream, schema);
  const at = new Transcoding();
  at.begin(value, FRAME_BYTES, new RowBuffer(0));
  const record = readJsonText({ kind: 'record', fields, isRecursive: false }, at);
  if (at.position !== value.length) throw new DecodeError('bytes are left after the last field');
  return record;
}
