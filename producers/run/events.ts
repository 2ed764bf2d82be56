import type { MessageHandler } from '../../core/kafka/topic-reader.ts';
import { messageHeaders } from '../encode/message.ts';

/** The latest event about each parent on the event topic. */
export class ParentEvents {
  /** The offset of each parent's latest event, by partition. */
  readonly #partitions = new Map<number, Map<string, number>>();

  /** Notes a message from the event topic. */
  readonly note: MessageHandler = ({ value, headers, offset }, partition) => {
    const parent = headers?.[messageHeaders.parent];
    if (value === null || !Buffer.isBuffer(parent)) return;
    const offsets = this.#partitions.get(partition) ?? new Map<string, number>();
    this.#partitions.set(partition, offsets);
    offsets.set(parent.toString('utf8'), Number(offset));
  };

  /**
   * Returns a string that changes with each new event about the parent; empty if there is no event.
   * It consists of offsets, because the clocks of brokers may differ.
   */
  latestOf(parent: string): string {
    const places = [...this.#partitions].flatMap(([partition, offsets]) => {
      const offset = offsets.get(parent);
      return offset === undefined ? [] : [[partition, offset] as const];
    });
    return places
      .sort(([a], [b]) => a - b)
      .map((place) => place.join(':'))
      .join(' ');
  }
}
