import type { Registry } from '../../core/avro/registry.ts';
import { FRAME_BYTES, schemaIdOf } from '../../core/avro/wire-format.ts';
import { DecodeError, UnknownSchemaError } from '../../core/errors.ts';
import { probeRetry } from '../../core/retry.ts';
import { readWriterSchema } from '../../consumers/stream/stream-schemas.ts';
import type { WriterSchema } from '../../consumers/schema/writer-type.ts';
import { readJsonText } from '../../consumers/transcode/json-text.ts';
import { RowBuffer } from '../../consumers/transcode/row-buffer.ts';
import { Transcoding } from '../../consumers/transcode/transcoding.ts';

/**
 * Maximum number of characters in one record's JSON, because a few compressed kilobytes can decode
 * to gigabytes of objects.
 */
export const MAX_JSON_LENGTH = 4 * 2 ** 20;

/** Decodes messages of one stream to JSON text without rounding. Requests each schema only once. */
export class MessageDecoder {
  readonly #registry: Registry;
  readonly #stream: string;
  readonly #schemas = new Map<number, Promise<WriterSchema>>();

  constructor(registry: Registry, stream: string) {
    this.#registry = registry;
    this.#stream = stream;
  }

  /**
   * Decodes untrusted bytes to JSON text: see {@link Transcoding}.
   * @throws EtlError, including for more than {@link MAX_JSON_LENGTH} characters.
   */
  async jsonOf(value: Buffer): Promise<string> {
    const { fields } = await this.#schemaOf(schemaIdOf(value));
    const at = new Transcoding(0, MAX_JSON_LENGTH);
    at.begin(value, FRAME_BYTES, new RowBuffer(0));
    const record = readJsonText({ kind: 'record', fields, isRecursive: false }, at);
    if (at.position !== value.length) throw new DecodeError('bytes are left over after the last field');
    return record;
  }

  #schemaOf(id: number): Promise<WriterSchema> {
    const known = this.#schemas.get(id) ?? this.#read(id);
    this.#schemas.set(id, known);
    return known;
  }

  async #read(id: number): Promise<WriterSchema> {
    const schema = await this.#registry.schemaText(id, probeRetry);
    if (schema === undefined) throw new UnknownSchemaError(`the registry has no Avro schema ${id}`);
    return readWriterSchema(this.#registry, this.#stream, schema, probeRetry);
  }
}
