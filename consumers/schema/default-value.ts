import { ByteWriter } from '../../core/avro/byte-writer.ts';
import { isJsonObject, isLosslessNumber, type JsonValue } from '../../core/json.ts';
import type { WriterType } from './writer-type.ts';

class UnfitDefaultError extends Error {}

/** Returns the Avro bytes of a default; undefined if the JSON does not match the type. */
export function defaultAvro(type: WriterType, json: JsonValue): Buffer | undefined {
  const out = new ByteWriter();
  try {
    write(type, json, out);
    return Buffer.from(out.view());
  } catch (error) {
    if (error instanceof UnfitDefaultError) return undefined;
    throw error;
  }
}

function write(type: WriterType, json: JsonValue, out: ByteWriter): void {
  switch (type.kind) {
    case 'null':
      if (json !== null) throw new UnfitDefaultError();
      return;
    case 'boolean':
      if (typeof json !== 'boolean') throw new UnfitDefaultError();
      out.byte(json ? 1 : 0);
      return;
    case 'int':
    case 'date':
    case 'time-millis':
      out.zigZag(integerOf(json, 32));
      return;
    case 'long':
    case 'time-micros':
    case 'timestamp':
      out.zigZag(integerOf(json, 64));
      return;
    case 'float': {
      const bytes = Buffer.alloc(4);
      bytes.writeFloatLE(numberOf(json));
      out.bytes(bytes, 0, bytes.length);
      return;
    }
    case 'double':
      out.double(numberOf(json));
      return;
    case 'string':
    case 'json':
      out.avroString(textOf(json));
      return;
    case 'uuid':
      if (type.isText) out.avroString(textOf(json));
      else writeBytes(json, 16, out);
      return;
    case 'bytes':
      writeBytes(json, undefined, out);
      return;
    case 'fixed':
      writeBytes(json, type.bytes, out);
      return;
    case 'decimal':
      writeBytes(json, type.fixedBytes, out);
      return;
    case 'enum': {
      const index = type.symbols.indexOf(textOf(json));
      if (index < 0) throw new UnfitDefaultError();
      out.zigZag(index);
      return;
    }
    case 'array':
      if (!Array.isArray(json)) throw new UnfitDefaultError();
      if (json.length > 0) out.zigZag(json.length);
      for (const item of json) write(type.items, item, out);
      out.zigZag(0);
      return;
    case 'map': {
      const entries = Object.entries(objectOf(json));
      if (entries.length > 0) out.zigZag(entries.length);
      for (const [key, value] of entries) {
        out.avroString(key);
        write(type.values, value, out);
      }
      out.zigZag(0);
      return;
    }
    case 'record': {
      const object = objectOf(json);
      for (const field of type.fields) {
        const value = Object.hasOwn(object, field.name) ? object[field.name] : field.default;
        if (value === undefined) throw new UnfitDefaultError();
        write(field.type, value, out);
      }
      return;
    }
    case 'union':
      writeBranch(type.branches, json, out);
  }
}

/** Writes the first branch that matches. Before Avro 1.12, a default had to match the first branch. */
function writeBranch(branches: readonly WriterType[], json: JsonValue, out: ByteWriter): void {
  const start = out.length;
  for (const [index, branch] of branches.entries()) {
    try {
      out.zigZag(index);
      write(branch, json, out);
      return;
    } catch (error) {
      if (!(error instanceof UnfitDefaultError)) throw error;
      out.truncate(start);
    }
  }
  throw new UnfitDefaultError();
}

function integerOf(json: JsonValue, bits: number): bigint {
  const isInteger = typeof json === 'bigint' || (typeof json === 'number' && Number.isInteger(json));
  const value = isInteger ? BigInt(json) : undefined;
  if (value === undefined || BigInt.asIntN(bits, value) !== value) throw new UnfitDefaultError();
  return value;
}

function numberOf(json: JsonValue): number {
  if (isLosslessNumber(json)) return Number(json.value);
  if (typeof json !== 'number' && typeof json !== 'bigint') throw new UnfitDefaultError();
  return Number(json);
}

function textOf(json: JsonValue): string {
  if (typeof json !== 'string') throw new UnfitDefaultError();
  return json;
}

function objectOf(json: JsonValue) {
  if (!isJsonObject(json)) throw new UnfitDefaultError();
  return json;
}

/** Writes each character as a byte, preceded by the length unless a fixed `length` is given. */
function writeBytes(json: JsonValue, length: number | undefined, out: ByteWriter): void {
  const bytes = Buffer.from(textOf(json), 'latin1');
  const isFit = bytes.toString('latin1') === json && (length === undefined || length === bytes.length);
  if (!isFit) throw new UnfitDefaultError();
  if (length === undefined) out.zigZag(bytes.length);
  out.bytes(bytes, 0, bytes.length);
}
