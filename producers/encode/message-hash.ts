import type { DriftMode } from '../../core/settings/config.ts';
import { withinStack, type JsonObject } from '../../core/json.ts';
import { reduced } from './omissions.ts';
import type { RecordEncoder } from './record-encoder.ts';
import type { KeyTable } from '../state/key-table.ts';
import { recordHash, type RecordHash } from './record-hash.ts';

type Kinds = Parameters<typeof reduced>[2];

/** All that the bytes of a record do not hold. */
const allOmitted: Kinds = { unknown: 'drop', misfit: 'drop', null: 'drop', 'unknown null': 'drop' };

export interface MessageHashOptions {
  /** What the topic holds. */
  readonly keys: KeyTable;
  readonly encoder: RecordEncoder;
  readonly mode: DriftMode;
  /** Whatever the topic holds: the hash to send. */
  readonly isFull?: boolean;
}

/**
 * The hash of the record's message: that of the record itself, but in mode `discard` that of what is sent. Where the topic has
 * the same message under the hash that an earlier run or another mode gave it, it is that one: so a member that is left out, or
 * a null of which no field is known, makes no new message.
 *
 * @param whole the record's own hash.
 * @throws RecordError where the record cannot become a message.
 */
export function messageHash(
  record: JsonObject,
  key: string,
  whole: RecordHash,
  { keys, encoder, mode, isFull = false }: MessageHashOptions,
): RecordHash {
  const isOnTopic = (hash: RecordHash) => keys.compare(key, hash) === 'unchanged';
  const isWhole = mode !== 'discard';
  if (isWhole ? isFull || !keys.has(key) || isOnTopic(whole) : !isFull && isOnTopic(whole)) return whole;

  const { omissions, discarded } = encoder.encodeDiscarding(record);
  const hashWithout = (kinds: Kinds) => withinStack(() => recordHash(reduced(record, omissions, kinds)));
  const isPart = discarded.length > 0;
  const hasUnknownNull = [...omissions.values()].some((kinds) =>
    [...kinds.values()].includes('unknown null'),
  );
  const own = isWhole || !(isPart || hasUnknownNull) ? whole : hashWithout(allOmitted);
  if (isFull || !keys.has(key)) return own;
  const same = isWhole ? (isPart ? nothingUnknown : [...nothingUnknown, allOmitted]) : leftOut;
  return same.map(hashWithout).find(isOnTopic) ?? own;
}

/** Whatever the mode, a null of which no field is known is not in the bytes. */
const nothingUnknown: readonly Kinds[] = [{ 'unknown null': 'drop' }];

/** As what a record was hashed that had nothing to leave out: its field may have been null, or absent. */
const leftOut: readonly Kinds[] = [
  allOmitted,
  { unknown: 'drop', 'unknown null': 'drop', misfit: 'null' },
  { unknown: 'drop', 'unknown null': 'drop', misfit: 'drop' },
];
