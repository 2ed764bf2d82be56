import type { Admin, KafkaMessage } from 'kafkajs';
import type { Settings } from '../../../core/settings/config.ts';
import type { SinkLetter } from '../../../core/dead-letters/parse-letter.ts';
import { messageTimeMs } from '../../../core/kafka/message-time.ts';
import { readTopics } from '../../../core/kafka/topic-reader.ts';
import { detached } from '../../../consumers/stream/detached-message.ts';

/** Of messages that are held at a time. */
const MAX_BYTES = 128 * 1024 * 1024;

/** The messages of letters that hold only a part, out of the topic; as many at a time as memory holds. */
export class WholeMessages {
  readonly #admin: Admin;
  readonly #settings: Settings;
  readonly #signal: AbortSignal;
  /** In the order in which they are asked for. */
  readonly #wanted: Map<string, SinkLetter>;
  readonly #found = new Map<string, KafkaMessage>();

  constructor(letters: readonly SinkLetter[], admin: Admin, settings: Settings, signal: AbortSignal) {
    this.#admin = admin;
    this.#settings = settings;
    this.#signal = signal;
    this.#wanted = new Map(
      letters.filter(({ isTruncated }) => isTruncated).map((letter) => [placeOf(letter), letter]),
    );
  }

  /** Undefined where the topic has it no more. To be asked for each letter once. @throws ServiceUnavailableError, ServiceRefusedError */
  async take(letter: SinkLetter): Promise<KafkaMessage | undefined> {
    const place = placeOf(letter);
    if (this.#wanted.has(place) && !this.#found.has(place)) await this.#read(letter.topic);
    const message = this.#found.get(place);
    this.#found.delete(place);
    this.#wanted.delete(place);
    return message;
  }

  async #read(topic: string): Promise<void> {
    const next = new Set<string>();
    let bytes = 0;
    for (const [place, { wholeBytes }] of this.#wanted) {
      if (bytes > 0 && bytes + wholeBytes > MAX_BYTES) break;
      bytes += wholeBytes;
      next.add(place);
    }
    const take = (message: KafkaMessage, partition: number) => {
      const { offset, timestamp } = message;
      const place = placeOf({ topic, partition, offset, timestampMs: messageTimeMs(timestamp) });
      if (next.has(place)) this.#found.set(place, detached(message));
    };
    await readTopics(this.#admin, this.#settings, new Map([[topic, take]]), this.#signal);
  }
}

function placeOf(of: {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number | string;
  readonly timestampMs: number;
}): string {
  return `${of.topic}/${of.partition}/${of.offset}@${of.timestampMs}`;
}
