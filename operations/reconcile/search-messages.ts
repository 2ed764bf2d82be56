import type { KafkaMessage } from 'kafkajs';
import { versionOf } from '../../core/kafka/message-time.ts';
import { detached } from '../../consumers/stream/detached-message.ts';
import type { Difference } from './find-differences.ts';
import { keyIdOf } from '../../consumers/table/key-sql.ts';
import type { PlacedMessage } from '../redrive/sink/message-batch.ts';
import type { Place } from './place.ts';
import type { RowKeys } from '../../consumers/stream/row-keys.ts';

interface SearchOptions {
  /** Differences whose last message is required. */
  readonly needed: Iterable<Difference>;
  /** Rows that may be wrong. */
  readonly suspects: ReadonlyMap<Difference, readonly Place[]>;
  /** Undefined if positions are the keys. */
  readonly rowKeys: RowKeys | undefined;
}

interface Suspect {
  readonly difference: Difference;
  readonly row: Place;
}

/** Finds messages by position: those that become rows, and those that prove a row wrong. */
export class MessageSearch {
  readonly #needed: ReadonlyMap<string, Difference>;
  readonly #suspects = new Map<string, Suspect[]>();
  readonly #rowKeys: RowKeys | undefined;
  readonly #seen = new Set<Difference>();
  readonly #proved = new Set<Place>();
  #found: PlacedMessage[] = [];
  #bytes = 0;

  constructor({ needed, suspects, rowKeys }: SearchOptions) {
    this.#rowKeys = rowKeys;
    this.#needed = new Map(
      [...needed].flatMap((difference) =>
        difference.message === undefined ? [] : [[placeText(difference.message), difference] as const],
      ),
    );
    for (const [difference, rows] of suspects) {
      for (const row of rows) {
        const place = placeText(row);
        this.#suspects.set(place, [...(this.#suspects.get(place) ?? []), { difference, row }]);
      }
    }
  }

  /** Bytes of values that were found and not fetched yet. */
  get bytes(): number {
    return this.#bytes;
  }

  add(message: KafkaMessage, partition: number): void {
    const place = `${partition}|${message.offset}`;
    const difference = this.#needed.get(place);
    if (difference?.message?.version === versionOf(message)) {
      this.#seen.add(difference);
      this.#found.push({ partition, message: detached(message) });
      this.#bytes += message.value?.length ?? 0;
    }
    for (const { difference: suspect, row } of this.#suspects.get(place) ?? [])
      if (row.version !== versionOf(message) || this.#hasOtherKey(message, partition, suspect))
        this.#proved.add(row);
  }

  /** Whether the message becomes a row of another key. Returns false if that is unknown. */
  #hasOtherKey(message: KafkaMessage, partition: number, { parts }: Difference): boolean {
    const key = this.#rowKeys?.of(message, partition, false);
    const own = typeof key === 'object' ? this.#rowKeys?.partsOf(key) : undefined;
    return own !== undefined && keyIdOf(own) !== keyIdOf(parts);
  }

  /** Returns the messages that were found since the last call. */
  fetch(): readonly PlacedMessage[] {
    const found = this.#found;
    this.#found = [];
    this.#bytes = 0;
    return found;
  }

  /** Whether the search found the last message of the difference. */
  hasSeen(difference: Difference): boolean {
    return this.#seen.has(difference);
  }

  /** Whether the topic has another message at the row's position. */
  hasProved(row: Place): boolean {
    return this.#proved.has(row);
  }
}

function placeText({ partition, offset }: Place): string {
  return `${partition}|${offset}`;
}
