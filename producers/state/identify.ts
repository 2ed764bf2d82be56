import type { DriftMode } from '../../core/settings/config.ts';
import { RecordError, UnkeyedRecordError } from '../../core/errors.ts';
import { isJsonObject, type JsonValue } from '../../core/json.ts';
import type { SourceList } from '../chartmogul/source-list.ts';
import type { StreamSpec } from '../chartmogul/streams.ts';
import { HashedKey } from '../encode/hashed-key.ts';
import type { KeyedRecord } from '../encode/message-encoder.ts';
import type { RecordEncoder } from '../encode/record-encoder.ts';
import type { RecordHash } from '../encode/record-hash.ts';
import { withSingleKey } from '../encode/single-record.ts';
import { hashOf } from '../encode/source-record.ts';
import type { KeyTable } from './key-table.ts';
import { messageHash } from './message-hash.ts';

export type Identified =
  | (KeyedRecord & { readonly error?: undefined })
  | { readonly key: HashedKey<string> | undefined; readonly hash: RecordHash; readonly error: RecordError };

export interface IdentifyOptions {
  readonly spec: StreamSpec;
  readonly mode: DriftMode;
  /** What the topic holds. */
  readonly keys: KeyTable;
  /** Whether every record is sent once, even if the topic holds it. */
  readonly isFull: boolean;
}

/** Returns the key and hash of a list entry, or why the entry cannot become a message. */
export function identify(
  read: JsonValue,
  list: SourceList,
  encoder: RecordEncoder,
  { spec, mode, keys, isFull }: IdentifyOptions,
): Identified {
  // The hash covers the record as it was read, without a key that the list adds.
  let hash = hashOf(read);
  let key: HashedKey<string> | undefined;
  try {
    if (!isJsonObject(read)) throw new UnkeyedRecordError('a list entry that is not an object');
    const record = withSingleKey(read, list, spec, encoder.schema);
    key = new HashedKey(encoder.keyOf(record));
    hash = messageHash(record, key, hash, { keys, encoder, mode, isFull: isFull && !keys.isSeen(key) });
    return { record, key, hash };
  } catch (error) {
    if (!(error instanceof RecordError)) throw error;
    return { key, hash, error };
  }
}
