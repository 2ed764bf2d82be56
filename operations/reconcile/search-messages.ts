import type { KafkaMessage } from 'kafkajs';
import { versionOf } from '../../core/kafka/message-time.ts';
import { detached } from '../../consumers/stream/detached-message.ts';
import type { Difference } from './find-differences.ts';
import { keyIdOf } from '../../consumers/table/key-sql.ts';
import type { PlacedMessage } from '../redrive/sink/message-batch.ts';
import type { Place } from './place.ts';
import type { RowKeys } from '../../consumers/stream/row-keys.ts';

/** Finds messages by position: those that become rows, and those that prove a row wrong. */
export class MessageSearch {
  readonly #needed: ReadonlyMap<string, Difference>;
  readonly #suspects = new Map<string, { readonly difference: Difference; readonly row: Place }[]>();
  readonly #rowKeys: RowKeys | undefined;
  /** Differences whose last message was found. */
  readonly seen = new Set<Difference>();
  /** Rows that are proved wrong: at their positions, the topic has a different message or key. */
  readonly provedWrong = new Set<Place>();
  #found: PlacedMessage[] = [];
  /** Total size of the values of the found messages that {@link take} has not returned yet. */
  bytes = 0;

  /**
   * @param needed differences whose last message is required.
   * @param suspects rows that may be wrong.
   * @param rowKeys undefined if positions are the keys.
   */
  constructor(
    needed: readonly Difference[],
    suspects: ReadonlyMap<Difference, readonly Place[]>,
    rowKeys: RowKeys | undefined,
  ) {
    this.#rowKeys = rowKeys;
    this.#needed = new Map(
      needed.flatMap((difference) =>
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

  add(message: KafkaMessage, partition: number): void {
    const place = `${partition}|${message.offset}`;
    const difference = this.#needed.get(place);
    if (difference?.message?.version === versionOf(message)) {
      this.seen.add(difference);
      this.#found.push({ partition, message: detached(message) });
      this.bytes += message.value?.length ?? 0;
    }
    for (const { difference: suspect, row } of this.#suspects.get(place) ?? [])
      if (row.version !== versionOf(message) || this.#hasOtherKey(message, partition, suspect))
        this.provedWrong.add(row);
  }

  /** Returns whether the message becomes a row of another key; false if the key is unknown. */
  #hasOtherKey(message: KafkaMessage, partition: number, { parts }: Difference): boolean {
    const key = this.#rowKeys?.of(message, partition, false);
    const own = typeof key === 'object' ? this.#rowKeys?.partsOf(key) : undefined;
    return own !== undefined && keyIdOf(own) !== keyIdOf(parts);
  }

  /** Returns the messages that were found since the last call. */
  take(): readonly PlacedMessage[] {
    const found = this.#found;
    this.#found = [];
    this.bytes = 0;
    return found;
  }
}

function placeText({ partition, offset }: Place): string {
  return `${partition}|${offset}`;
}
