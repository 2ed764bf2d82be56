import type { KafkaMessage } from 'kafkajs';
import type { Connections } from '../../../core/connections.ts';
import type { SinkDeadLetter } from '../../../core/dead-letters/reader.ts';
import { messageTimeMs } from '../../../core/kafka/message-time.ts';
import { readTopics } from '../../../core/kafka/topic-reader.ts';
import { detached } from '../../../consumers/stream/detached-message.ts';
import { positionOf } from './dead-letter-rows.ts';

/** Maximum size of the messages in memory. */
const MAX_BYTES = 128 * 1024 * 1024;

/**
 * Reads the messages of one stream's truncated dead letters from the topic, within a memory limit.
 */
export class WholeMessages {
  readonly #services: Connections<'admin'>;
  /** Dead letters whose messages have not been taken yet, by position, in the caller's order. */
  readonly #missing: Map<string, SinkDeadLetter>;
  readonly #found = new Map<string, KafkaMessage>();

  constructor(deadLetters: readonly SinkDeadLetter[], services: Connections<'admin'>) {
    this.#services = services;
    const truncated = deadLetters.filter(({ isTruncated }) => isTruncated);
    this.#missing = new Map(truncated.map((deadLetter) => [positionOf(deadLetter), deadLetter]));
  }

  /**
   * Returns the message of a dead letter; undefined if it is no longer on the topic. Call this once
   * for each dead letter.
   */
  async take(deadLetter: SinkDeadLetter): Promise<KafkaMessage | undefined> {
    const position = positionOf(deadLetter);
    if (this.#missing.has(position) && !this.#found.has(position)) await this.#read(deadLetter.topic);
    const message = this.#found.get(position);
    this.#found.delete(position);
    this.#missing.delete(position);
    return message;
  }

  async #read(topic: string): Promise<void> {
    const next = new Set<string>();
    let bytes = 0;
    for (const [position, { originalBytes }] of this.#missing) {
      if (bytes > 0 && bytes + originalBytes > MAX_BYTES) break;
      bytes += originalBytes;
      next.add(position);
    }
    const keep = (message: KafkaMessage, partition: number) => {
      const { offset, timestamp } = message;
      const position = positionOf({ partition, offset, timestampMs: messageTimeMs(timestamp) });
      if (next.has(position)) this.#found.set(position, detached(message));
    };
    const { settings, signal } = this.#services;
    await readTopics(settings, new Map([[topic, keep]]), signal);
  }
}
