import type { KafkaMessage } from 'kafkajs';
import type { Difference } from './find-differences.ts';
import type { PlacedMessage } from './make-rows.ts';

const OFFSET_BITS = 64n;

/** Looks for the messages of some keys among all of a topic. */
export class MessageSearch {
  readonly #byKey: ReadonlyMap<string, Difference>;
  readonly #isThere: ReadonlySet<Difference>;
  readonly #isByPosition: boolean;
  readonly #moved = new Set<string>();
  #found: PlacedMessage[] = [];
  #bytes = 0;

  /**
   * @param isThere those whose message need not be found, since its row is there.
   * @param isByPosition the keys are the places of messages.
   */
  constructor(differences: readonly Difference[], isThere: ReadonlySet<Difference>, isByPosition: boolean) {
    this.#byKey = new Map(differences.map((difference) => [difference.key, difference]));
    this.#isThere = isThere;
    this.#isByPosition = isByPosition;
  }

  /** Of the values that were found and not fetched yet. */
  get bytes(): number {
    return this.#bytes;
  }

  take(message: KafkaMessage, partition: number): void {
    const key = this.#isByPosition ? `${partition}|${message.offset}` : message.key?.toString('utf8');
    const difference = key === undefined ? undefined : this.#byKey.get(key);
    if (difference === undefined) return;
    const { message: wanted } = difference;
    const version = (BigInt(message.timestamp) << OFFSET_BITS) + BigInt(message.offset);
    if (wanted?.partition === partition && wanted.version === version) {
      if (this.#isThere.has(difference)) return;
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

  /** Whether the topic has a later message of the key than the one that was compared. */
  hasMoved({ key }: Difference): boolean {
    return this.#moved.has(key);
  }
}

/** A copy: the message itself would hold on to all that was fetched with it. */
function detached(message: KafkaMessage): KafkaMessage {
  const { key, value } = message;
  return { ...message, key: key && Buffer.from(key), value: value && Buffer.from(value) };
}
