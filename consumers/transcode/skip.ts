import { minBytesOf, type WriterType } from '../schema/writer-type.ts';
import type { Transcoding } from './transcoding.ts';

/** Moves past one value. What it finds there is checked only as far as to know where the value ends. */
export function skip(type: WriterType, at: Transcoding): void {
  switch (type.kind) {
    case 'null':
      return;
    case 'boolean':
      at.take(1);
      return;
    case 'int':
    case 'long':
    case 'date':
    case 'time-millis':
    case 'time-micros':
    case 'timestamp':
    case 'enum':
      at.readLong();
      return;
    case 'float':
      at.take(4);
      return;
    case 'double':
      at.take(8);
      return;
    case 'string':
    case 'bytes':
    case 'json':
      at.take(at.readLength());
      return;
    case 'fixed':
      at.take(type.bytes);
      return;
    case 'uuid':
      at.take(type.isText ? at.readLength() : 16);
      return;
    case 'decimal':
      at.take(type.fixedBytes ?? at.readLength());
      return;
    case 'union': {
      const branch = type.branches[at.readIndex(type.branches.length)];
      if (branch !== undefined) skip(branch, at);
      return;
    }
    case 'record':
      at.deeper(() => {
        for (const field of type.fields) skip(field.type, at);
      });
      return;
    case 'array':
      at.deeper(() => skipItems(type.items, at));
      return;
    case 'map':
      at.deeper(() => skipEntries(type.values, at));
      return;
  }
}

/** Moves past the blocks of an array; returns how many items there are. */
function skipItems(items: WriterType, at: Transcoding): number {
  return skipBlocks(minBytesOf(items), at, () => skip(items, at));
}

/** Moves past the blocks of a map; returns how many entries there are. */
function skipEntries(values: WriterType, at: Transcoding): number {
  return skipBlocks(1 + minBytesOf(values), at, () => {
    at.take(at.readLength());
    skip(values, at);
  });
}

function skipBlocks(minBytes: number, at: Transcoding, skipItem: () => void): number {
  let total = 0;
  for (;;) {
    const count = at.readBlockCount(minBytes);
    if (count === 0) return total;
    total += count;
    if (at.blockEnd >= 0) at.position = at.blockEnd;
    else if (minBytes > 0) for (let item = 0; item < count; item++) skipItem();
  }
}
