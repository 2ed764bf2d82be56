import { isDeepStrictEqual } from 'node:util';
import type { KafkaMessage } from 'kafkajs';
import type { Connections } from '../../core/connections.ts';
import { parseDeadLetter } from '../../core/dead-letters/reader.ts';
import { ServiceRefusedError } from '../../core/errors.ts';
import { messageTimeMs } from '../../core/kafka/message-time.ts';
import { deadLettersTopic, streamOfTopic } from '../../core/stream-name.ts';
import { readTopics } from '../../core/kafka/topic-reader.ts';

/** Each uses about 200 bytes of memory. */
const MAX_DEAD_LETTERS = 1_000_000;

/** A dead letter in place of a row or record. */
interface IndexedDeadLetter {
  readonly stream: string;
  /** The Kafka timestamp of the rejected message, in ms; undefined for a source record. */
  readonly timeMs: number | undefined;
  /** False for a discarded dead letter. */
  readonly isPending: boolean;
}

/** Pending and discarded dead letters of produce and sink, which have no row by design. */
export class DeadLetterIndex {
  readonly #topicPrefix: string;
  readonly #maxDeadLetters: number;
  /** The dead letters by their keys on the topic. */
  readonly #deadLetters = new Map<string, IndexedDeadLetter>();

  constructor(topicPrefix: string, maxDeadLetters = MAX_DEAD_LETTERS) {
    this.#topicPrefix = topicPrefix;
    this.#maxDeadLetters = maxDeadLetters;
  }

  static async read(services: Pick<Connections<never>, 'settings' | 'signal'>): Promise<DeadLetterIndex> {
    const { settings, signal } = services;
    const { topicPrefix } = settings;
    const found = new DeadLetterIndex(topicPrefix);
    const note = (message: KafkaMessage) => found.note(message);
    await readTopics(settings, new Map([[deadLettersTopic(topicPrefix), note]]), signal);
    return found;
  }

  /** Adds a message from the dead-letter topic. @throws ServiceRefusedError if it has too many. */
  note(message: KafkaMessage): void {
    if (message.key === null) return;
    const key = message.key.toString('utf8');
    const deadLetter = parseDeadLetter(message, this.#topicPrefix);
    // A later message with the same key replaces a dead letter.
    if (deadLetter === undefined || deadLetter.state === 'redriven') {
      this.#deadLetters.delete(key);
      return;
    }
    const { stream, state } = deadLetter;
    const timeMs = deadLetter.step === 'sink' ? deadLetter.timestampMs : undefined;
    this.#deadLetters.set(key, { stream, timeMs, isPending: state === 'waiting' });
    if (this.#deadLetters.size > this.#maxDeadLetters)
      throw new ServiceRefusedError(
        `there are more than ${this.#maxDeadLetters} pending and discarded dead letters: redrive some (npm run dead-letters -- list)`,
      );
  }

  /** The number of pending dead letters of each stream. */
  get counts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { stream, isPending } of this.#deadLetters.values())
      if (isPending) counts.set(stream, (counts.get(stream) ?? 0) + 1);
    return counts;
  }

  /**
   * Returns whether the message has a dead letter. Compares the time, because a dead letter from a
   * deleted topic may have the same offset.
   */
  has(topic: string, partition: number, { offset, timestamp }: KafkaMessage): boolean {
    if (this.#deadLetters.size === 0) return false;
    const key = `${streamOfTopic(this.#topicPrefix, topic)}|sink|${partition}|${offset}`;
    return this.#deadLetters.get(key)?.timeMs === messageTimeMs(timestamp);
  }

  /**
   * Counts the dead letters of a partition from offset `from` up to, but not including, offset
   * `to`.
   */
  countBetween(topic: string, partition: number, from: bigint, to: bigint): number {
    const prefix = `${streamOfTopic(this.#topicPrefix, topic)}|sink|${partition}|`;
    let count = 0;
    for (const key of this.#deadLetters.keys()) {
      const offset = key.startsWith(prefix) ? offsetIn(key.slice(prefix.length)) : undefined;
      if (offset !== undefined && offset >= from && offset < to) count++;
    }
    return count;
  }

  isSame(other: DeadLetterIndex): boolean {
    return isDeepStrictEqual(this.#deadLetters, other.#deadLetters);
  }
}

function offsetIn(text: string): bigint | undefined {
  return /^\d{1,16}$/.test(text) ? BigInt(text) : undefined;
}
