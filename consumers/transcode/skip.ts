import { minBytesOf, type WriterType } from '../schema/writer-type.ts';
import type { Transcoding } from './transcoding.ts';

/** Moves past one value. Checks only what is needed to find its end. */
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
      at.deeper(() => skipBlocks(minBytesOf(type.items), at, () => skip(type.items, at)));
      return;
    case 'map':
      at.deeper(() =>
        skipBlocks(1 + minBytesOf(type.values), at, () => {
          at.take(at.readLength());
          skip(type.values, at);
        }),
      );
      return;
  }
}

function skipBlocks(minBytes: number, at: Transcoding, skipItem: () => void): void {
  for (;;) {
    const count = at.readBlockCount(minBytes);
    if (count === 0) return;
    if (at.blockEnd >= 0) at.position = at.blockEnd;
    else if (minBytes > 0) for (let item = 0; item < count; item++) skipItem();
  }
}
