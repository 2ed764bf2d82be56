import { isDeepStrictEqual } from 'node:util';
import { Registry, type SchemaText } from '../../core/avro/registry.ts';
import type { StreamSchema } from '../../core/avro/schema.ts';
import { schemaIdOf } from '../../core/avro/wire-format.ts';
import { RecordDecoder } from '../../producers/encode/record-decoder.ts';
import { noSignal } from './settings.ts';

/** An in-memory registry. Ids count from 1, in the order of `registered`. */
export class FakeRegistry extends Registry {
  readonly registered: { readonly subject: string; readonly schema: StreamSchema }[] = [];

  constructor() {
    super({ url: 'http://127.0.0.1:1', credentials: undefined }, noSignal);
  }

  override latest(subject: string): Promise<{ id: number; schema: StreamSchema } | undefined> {
    const index = this.registered.findLastIndex((entry) => entry.subject === subject);
    const entry = this.registered[index];
    return Promise.resolve(entry && { id: index + 1, schema: entry.schema });
  }

  override texts(): Promise<SchemaText[]> {
    return Promise.resolve([]);
  }

  override register(subject: string, schema: StreamSchema): Promise<number> {
    const index = this.registered.findIndex((entry) => isDeepStrictEqual(entry, { subject, schema }));
    return Promise.resolve(index < 0 ? this.registered.push({ subject, schema }) : index + 1);
  }

  override schemaById(id: number): Promise<StreamSchema> {
    const entry = this.registered[id - 1];
    return entry === undefined
      ? Promise.reject(new RangeError(`no schema ${id}`))
      : Promise.resolve(entry.schema);
  }

  /**
   * Decodes a framed message with the schema that it names, and returns the fields that are not
   * null.
   */
  read(frame: Buffer | null): Record<string, unknown> {
    const entry = frame === null ? undefined : this.registered[schemaIdOf(frame) - 1];
    if (frame === null || entry === undefined) throw new RangeError('a message without a registered schema');
    const fields = Object.entries(new RecordDecoder(entry.schema).decode(frame));
    return Object.fromEntries(fields.filter(([, value]) => value !== null));
  }
}
