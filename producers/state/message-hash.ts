import type { DriftMode } from '../../core/settings/config.ts';
import { withinStack, type JsonObject } from '../../core/json.ts';
import type { HashedKey } from '../encode/hashed-key.ts';
import { reduced } from '../encode/omissions.ts';
import type { RecordEncoder } from '../encode/record-encoder.ts';
import { recordHash, type RecordHash } from '../encode/record-hash.ts';
import type { KeyTable } from './key-table.ts';

type Kinds = Parameters<typeof reduced>[2];

/** Drops every member that the Avro bytes of a record do not hold. */
const allOmitted: Kinds = { unknown: 'drop', misfit: 'drop', null: 'drop', 'unknown null': 'drop' };

/** In every mode, a null without a field is not in the bytes. */
const unknownNull: Kinds = { 'unknown null': 'drop' };

/** An earlier run may have hashed the record with nothing omitted: a misfit was null or absent. */
const discardedEarlier: readonly Kinds[] = [
  allOmitted,
  { unknown: 'drop', 'unknown null': 'drop', misfit: 'null' },
  { unknown: 'drop', 'unknown null': 'drop', misfit: 'drop' },
];

interface MessageHashOptions {
  /** What the topic holds. */
  readonly keys: KeyTable;
  readonly encoder: RecordEncoder;
  readonly mode: DriftMode;
  /** Ignores what the topic holds. */
  readonly isFull?: boolean;
}

/**
 * Returns the hash of the record's message: that of the record, or in mode `discard` of the sent
 * part.
 *
 * If the topic holds the same message under a hash of an earlier run or another mode, returns that
 * hash. So neither an omitted member nor a null without a field causes a new message.
 *
 * @param whole the record's own hash.
 * @throws RecordError if the record cannot become a message.
 */
export function messageHash(
  record: JsonObject,
  key: string | HashedKey,
  whole: RecordHash,
  { keys, encoder, mode, isFull = false }: MessageHashOptions,
): RecordHash {
  const isCompared = !isFull && keys.has(key);
  const isOnTopic = (hash: RecordHash) => keys.compare(key, hash) === 'unchanged';
  if (isCompared ? isOnTopic(whole) : mode !== 'discard') return whole;

  const { omissions, discarded } = encoder.encodeDiscarding(record);
  const hashWithout = (kinds: Kinds) => withinStack(() => recordHash(reduced(record, omissions, kinds)));
  const hasDiscarded = discarded.length > 0;
  if (mode !== 'discard') {
    const earlier = hasDiscarded ? [unknownNull] : [unknownNull, allOmitted];
    return earlier.map(hashWithout).find(isOnTopic) ?? whole;
  }
  const hasUnknownNull = [...omissions.values()].some((kinds) =>
    [...kinds.values()].includes('unknown null'),
  );
  const sent = hasDiscarded || hasUnknownNull ? hashWithout(allOmitted) : whole;
  return (isCompared ? discardedEarlier.map(hashWithout).find(isOnTopic) : undefined) ?? sent;
}
