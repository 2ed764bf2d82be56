import type { KafkaMessage } from 'kafkajs';
import { versionOf } from '../../core/kafka/message-time.ts';
import { detached } from '../../consumers/stream/detached-message.ts';
import type { Difference } from './find-differences.ts';
import { keyIdOf } from '../../consumers/table/key-sql.ts';
import type { PlacedMessage } from './make-rows.ts';
import type { Place } from './place.ts';
import type { RowKeys } from '../../consumers/stream/row-keys.ts';

/** What to look for among the messages of a topic. */
export interface SearchOptions {
  /** Differences whose last message is wanted. */
  readonly wanted: Iterable<Difference>;
  /** Rows that seem to be too much. */
  readonly doubted: ReadonlyMap<Difference, readonly Place[]>;
  /** Undefined where the keys are the places of messages. */
  readonly rowKeys: RowKeys | undefined;
}

interface Doubt {
  readonly difference: Difference;
  readonly row: Place;
}

/** Looks for messages by their places: those that rows are made of, and those that prove a row to be wrong. */
export class MessageSearch {
  readonly #wanted: ReadonlyMap<string, Difference>;
  readonly #doubted = new Map<string, Doubt[]>();
  readonly #rowKeys: RowKeys | undefined;
  readonly #seen = new Set<Difference>();
  readonly #proved = new Set<Place>();
  #found: PlacedMessage[] = [];
  #bytes = 0;

  constructor({ wanted, doubted, rowKeys }: SearchOptions) {
    this.#rowKeys = rowKeys;
    this.#wanted = new Map(
      [...wanted].flatMap((difference) =>
        difference.message === undefined ? [] : [[placeText(difference.message), difference] as const],
      ),
    );
    for (const [difference, rows] of doubted) {
      for (const row of rows) {
        const place = placeText(row);
        this.#doubted.set(place, [...(this.#doubted.get(place) ?? []), { difference, row }]);
      }
    }
  }

  /** Of the values that were found and not fetched yet. */
  get bytes(): number {
    return this.#bytes;
  }

  take(message: KafkaMessage, partition: number): void {
    const place = `${partition}|${message.offset}`;
    const wanted = this.#wanted.get(place);
    if (wanted?.message?.version === versionOf(message)) {
      this.#seen.add(wanted);
      this.#found.push({ partition, message: detached(message) });
      this.#bytes += message.value?.length ?? 0;
    }
    for (const { difference, row } of this.#doubted.get(place) ?? [])
      if (row.version !== versionOf(message) || this.#isOfAnother(message, partition, difference))
        this.#proved.add(row);
  }

  /** Whether the message makes a row of another key; false where nobody can tell. */
  #isOfAnother(message: KafkaMessage, partition: number, { parts }: Difference): boolean {
    const key = this.#rowKeys?.of(message, partition, false);
    const own = typeof key === 'object' ? this.#rowKeys?.partsOf(key) : undefined;
    return own !== undefined && keyIdOf(own) !== keyIdOf(parts);
  }

  /** Those that were found since the last time. */
  fetch(): readonly PlacedMessage[] {
    const found = this.#found;
    this.#found = [];
    this.#bytes = 0;
    return found;
  }

  /** Whether the message wanted was found. */
  hasSeen(difference: Difference): boolean {
    return this.#seen.has(difference);
  }

  /** Whether the topic has another message in the place of a row that was doubted. */
  hasProved(row: Place): boolean {
    return this.#proved.has(row);
  }
}

function placeText({ partition, offset }: Place): string {
  return `${partition}|${offset}`;
}
