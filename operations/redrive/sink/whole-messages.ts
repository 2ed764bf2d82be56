import type { KafkaMessage } from 'kafkajs';
import type { KafkaAdmin } from '../../../core/kafka/admin.ts';
import type { SinkDeadLetter } from '../../../core/dead-letters/reader.ts';
import { messageTimeMs } from '../../../core/kafka/message-time.ts';
import { readTopics } from '../../../core/kafka/topic-reader.ts';
import type { Settings } from '../../../core/settings/config.ts';
import { detached } from '../../../consumers/stream/detached-message.ts';

/** Maximum size of the messages in memory. */
const MAX_BYTES = 128 * 1024 * 1024;

/** Reads the messages of truncated dead letters from the topic, limited by memory. */
export class WholeMessages {
  readonly #admin: KafkaAdmin;
  readonly #settings: Settings;
  readonly #signal: AbortSignal;
  /** In the order in which the caller requests them. */
  readonly #missing: Map<string, SinkDeadLetter>;
  readonly #found = new Map<string, KafkaMessage>();

  constructor(
    deadLetters: readonly SinkDeadLetter[],
    admin: KafkaAdmin,
    settings: Settings,
    signal: AbortSignal,
  ) {
    this.#admin = admin;
    this.#settings = settings;
    this.#signal = signal;
    this.#missing = new Map(
      deadLetters
        .filter(({ isTruncated }) => isTruncated)
        .map((deadLetter) => [positionOf(deadLetter), deadLetter]),
    );
  }

  /**
   * Returns the message of a dead letter once; undefined if the topic no longer holds it.
   *
   * @throws ServiceUnavailableError, ServiceRefusedError
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
      const position = positionOf({ topic, partition, offset, timestampMs: messageTimeMs(timestamp) });
      if (next.has(position)) this.#found.set(position, detached(message));
    };
    await readTopics(this.#admin, this.#settings, new Map([[topic, keep]]), this.#signal);
  }
}

function positionOf(of: {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number | string;
  readonly timestampMs: number;
}): string {
  return `${of.topic}/${of.partition}/${of.offset}@${of.timestampMs}`;
}
