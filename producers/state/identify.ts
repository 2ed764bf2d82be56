import type { DriftMode } from '../../core/settings/config.ts';
import { RecordError, UnkeyedRecordError } from '../../core/errors.ts';
import { isJsonObject, withinStack } from '../../core/json.ts';
import type { ListEntry } from '../chartmogul/list-entry.ts';
import type { SourceList } from '../chartmogul/source-list.ts';
import type { StreamSpec } from '../chartmogul/streams.ts';
import { HashedKey } from '../encode/hashed-key.ts';
import type { KeyedRecord } from '../encode/message-encoder.ts';
import { reduced } from '../encode/omissions.ts';
import type { RecordEncoder } from '../encode/record-encoder.ts';
import { recordHash, type RecordHash } from '../encode/record-hash.ts';
import { withSingleKey } from '../encode/single-record.ts';
import { hashOf } from '../encode/source-record.ts';
import type { KeyTable } from './key-table.ts';

export type Identified =
  | (KeyedRecord & { readonly error?: undefined })
  | { readonly key: HashedKey<string> | undefined; readonly hash: RecordHash; readonly error: RecordError };

export interface IdentifyOptions {
  readonly spec: StreamSpec;
  readonly mode: DriftMode;
  /** The keys on the topic, with the hashes of their records. */
  readonly keys: KeyTable;
  /** Whether every record is sent once, even if it is already on the topic. */
  readonly isFull: boolean;
}

/** Returns the key and hash of a list entry, or why the entry cannot become a message. */
export function identify(
  { value: read, text }: ListEntry,
  list: SourceList,
  encoder: RecordEncoder,
  options: IdentifyOptions,
): Identified {
  // The hash covers the record as it was read, before its key is completed.
  let hash = hashOf(read);
  let key: HashedKey<string> | undefined;
  try {
    if (!isJsonObject(read)) throw new UnkeyedRecordError('the list entry is not an object');
    const record = withSingleKey(read, list, options.spec, encoder.schema);
    const keyText = encoder.keyOf(record);
    key = text?.key.value === keyText ? text.key : new HashedKey(keyText);
    hash = messageHash({ record, key, hash }, encoder, options);
    // A key that was completed with other values does not depend on the text alone.
    const textHash = text?.key === key ? text.hash : undefined;
    return { record, key, hash, textHash };
  } catch (error) {
    if (!(error instanceof RecordError)) throw error;
    return { key, hash, error };
  }
}

type Kinds = Parameters<typeof reduced>[2];

/** Drops every member that the Avro bytes of a record lack. */
const allOmitted: Kinds = { unknown: 'drop', misfit: 'drop', null: 'drop', 'unknown null': 'drop' };

/** In every mode, a null without a field is not in the bytes. */
const unknownNull: Kinds = { 'unknown null': 'drop' };

/**
 * The forms that an earlier run may have hashed. If it omitted nothing, a member that is now a
 * misfit was null or absent.
 */
const discardedEarlier: readonly Kinds[] = [
  allOmitted,
  { unknown: 'drop', 'unknown null': 'drop', misfit: 'null' },
  { unknown: 'drop', 'unknown null': 'drop', misfit: 'drop' },
];

/**
 * Returns the hash for the record's message: the hash of the record or, in mode `discard`, of the
 * sent part.
 *
 * If the topic already has the same message with a hash from an earlier run or another mode,
 * returns that hash. So neither an omitted member nor a null without a field causes a new message.
 *
 * @throws RecordError if the record cannot become a message.
 */
function messageHash(
  { record, key, hash: whole }: KeyedRecord,
  encoder: RecordEncoder,
  { mode, keys, isFull }: IdentifyOptions,
): RecordHash {
  const isCompared = (!isFull || keys.isSeen(key)) && keys.has(key);
  if (isCompared ? keys.compare(key, whole) === 'unchanged' : mode !== 'discard') return whole;
  const isOnTopic = (hash: RecordHash) => keys.compare(key, hash) === 'unchanged';

  const { omissions, discarded } = encoder.encodeDiscarding(record);
  const hashWithout = (kinds: Kinds) => withinStack(() => recordHash(reduced(record, omissions, kinds)));
  const hasDiscarded = discarded.length > 0;
  if (mode !== 'discard') {
    const earlier = hasDiscarded ? [unknownNull] : [unknownNull, allOmitted];
    return earlier.map(hashWithout).find(isOnTopic) ?? whole;
  }
  const reasons = [...omissions.values()].flatMap((kinds) => [...kinds.values()]);
  const sent = hasDiscarded || reasons.includes('unknown null') ? hashWithout(allOmitted) : whole;
  return (isCompared ? discardedEarlier.map(hashWithout).find(isOnTopic) : undefined) ?? sent;
}
