import type { KafkaMessage } from 'kafkajs';
import { versionOf } from '../../core/message-time.ts';
import { detached } from '../detached-message.ts';
import type { Difference } from './find-differences.ts';
import type { PlacedMessage } from './make-rows.ts';
import type { Place } from './place.ts';

/** Of which differences to look for the messages. */
export interface SearchOptions {
  /** Those whose message need not be found, since its row is there. */
  readonly isThere: ReadonlySet<Difference>;
  /** The rows that are about to be deleted. */
  readonly wrong: ReadonlyMap<Difference, readonly Place[]>;
  /** The keys are the places of messages. */
  readonly isByPosition: boolean;
}

/** Looks for the messages of some keys among all of a topic. */
export class MessageSearch {
  readonly #byKey: ReadonlyMap<string, Difference>;
  readonly #isThere: ReadonlySet<Difference>;
  readonly #isByPosition: boolean;
  /** By place, the rows that are about to be deleted, and their keys. */
  readonly #wrongRows = new Map<string, { readonly key: string; readonly version: bigint }>();
  readonly #moved = new Set<string>();
  readonly #keyedOtherwise = new Set<string>();
  #found: PlacedMessage[] = [];
  #bytes = 0;

  constructor(differences: readonly Difference[], { isThere, wrong, isByPosition }: SearchOptions) {
    this.#byKey = new Map(differences.map((difference) => [difference.key, difference]));
    for (const [{ key }, rows] of wrong) {
      for (const { partition, offset, version } of rows)
        this.#wrongRows.set(`${partition}|${offset}`, { key, version });
    }
    this.#isThere = isThere;
    this.#isByPosition = isByPosition;
  }

  /** Of the values that were found and not fetched yet. */
  get bytes(): number {
    return this.#bytes;
  }

  take(message: KafkaMessage, partition: number): void {
    const place = `${partition}|${message.offset}`;
    const key = this.#isByPosition ? place : message.key?.toString('utf8');
    const version = versionOf(message);
    const difference = key === undefined ? undefined : this.#byKey.get(key);
    if (difference === undefined) return;
    const { message: wanted } = difference;
    if (wanted?.partition === partition && wanted.version === version) {
      if (this.#isThere.has(difference)) return;
      const row = this.#wrongRows.get(place);
      if (row?.version === version && row.key !== key) {
        this.#keyedOtherwise.add(row.key).add(difference.key);
        return;
      }
      this.#found.push({ partition, message: detached(message) });
      this.#bytes += message.value?.length ?? 0;
    } else if (wanted === undefined || version > wanted.version) {
      this.#moved.add(difference.key);
    }
  }

  /** Those that were found since the last time. */
  fetch(): readonly PlacedMessage[] {
    const found = this.#found;
    this.#found = [];
    this.#bytes = 0;
    return found;
  }

  /**
   * Whether a row that would be deleted is that of a message which seems to lack one, since the text of the row's key is not the message's key:
   * as a writer of another kind may have it. True of both.
   */
  isKeyedOtherwise({ key }: Difference): boolean {
    return this.#keyedOtherwise.has(key);
  }

  /** Whether the topic has a later message of the key than the one that was compared. */
  hasMoved({ key }: Difference): boolean {
    return this.#moved.has(key);
  }
}
