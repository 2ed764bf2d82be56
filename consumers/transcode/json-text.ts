import { freeFormNumber } from '../../core/free-form.ts';
import { minBytesOf, type RecordType, type WriterType } from '../schema/writer-type.ts';
import { readDecimal } from './decimal.ts';
import { decimalText, doubleText, shortest } from './scalar-text.ts';
import type { Transcoding } from './transcoding.ts';

/**
 * Reads a value as exact JSON text that ClickHouse can parse. Integers and decimals have all their
 * digits, as a string if they exceed 64 bits. Numbers that are not finite are the strings "NaN",
 * "Infinity" and "-Infinity". Bytes are strings of the code points 0 to 255, as in Avro's JSON.
 * Dates and times are their underlying numbers. The value of a union has no branch name.
 * @throws DecodeError
 */
export function readJsonText(type: WriterType, at: Transcoding): string {
  switch (type.kind) {
    case 'union':
      return readJsonText(type.branches[at.readIndex(type.branches.length)] ?? { kind: 'null' }, at);
    case 'string':
    case 'json':
      return stringText(at, at.readLength(), 'utf8');
    case 'uuid':
      return type.isText ? stringText(at, at.readLength(), 'utf8') : stringText(at, 16, 'latin1');
    case 'bytes':
      return stringText(at, at.readLength(), 'latin1');
    case 'fixed':
      return stringText(at, type.bytes, 'latin1');
    case 'record':
      return at.deeper(() => recordText(type, at));
    case 'array':
      return at.deeper(() => {
        const items = readBlocks(minBytesOf(type.items), at, () => readJsonText(type.items, at));
        return `[${items.join(',')}]`;
      });
    case 'map':
      return at.deeper(() => {
        const entries = readBlocks(1 + minBytesOf(type.values), at, () => {
          const key = stringText(at, at.readLength(), 'utf8');
          return `${key}:${readJsonText(type.values, at)}`;
        });
        return `{${entries.join(',')}}`;
      });
    default: {
      const text = scalarText(type, at);
      at.countText(text.length);
      return text;
    }
  }
}

function scalarText(type: WriterType, at: Transcoding): string {
  switch (type.kind) {
    case 'boolean':
      return at.readBoolean() ? 'true' : 'false';
    case 'int':
    case 'date':
    case 'time-millis':
      return String(at.readInt());
    case 'long':
    case 'time-micros':
    case 'timestamp':
      return at.readBigInt().toString();
    case 'float':
      return numberText(shortest(at.source.readFloatLE(at.take(4))));
    case 'double':
      return numberText(at.source.readDoubleLE(at.take(8)));
    case 'decimal':
      return freeFormNumber(decimalText(readDecimal(type, at), type.scale));
    case 'enum':
      return JSON.stringify(type.symbols[at.readIndex(type.symbols.length)]);
    default:
      return 'null';
  }
}

function recordText(type: RecordType, at: Transcoding): string {
  const fields = type.fields.map((field) => {
    at.countText(field.name.length + '"":,'.length);
    return `"${field.name}":${readJsonText(field.type, at)}`;
  });
  return `{${fields.join(',')}}`;
}

function readBlocks(minBytes: number, at: Transcoding, readItem: () => string): string[] {
  const items: string[] = [];
  for (;;) {
    const count = at.readBlockCount(minBytes);
    if (count === 0) return items;
    const { blockEnd } = at;
    for (let item = 0; item < count; item++) items.push(readItem());
    at.checkBlockEnd(blockEnd);
  }
}

function numberText(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  const text = doubleText(value);
  // ClickHouse reads digits without an exponent as an integer of 64 bits.
  return freeFormNumber(text) === text ? text : value.toExponential();
}

/** Reads bytes as a JSON string. Invalid UTF-8 bytes become U+FFFD. */
function stringText(at: Transcoding, length: number, encoding: 'utf8' | 'latin1'): string {
  const start = at.take(length);
  at.countText(length);
  const text = JSON.stringify(at.source.toString(encoding, start, start + length));
  at.countText(Math.max(0, text.length - length));
  return text;
}
