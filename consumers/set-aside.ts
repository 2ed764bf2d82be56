import { isDeepStrictEqual } from 'node:util';
import type { Admin, KafkaMessage } from 'kafkajs';
import { parseLetter } from '../core/dead-letters/parse-letter.ts';
import { ServiceRefusedError } from '../core/errors.ts';
import { messageTimeMs } from '../core/message-time.ts';
import { deadLettersTopic, topicOf } from '../core/stream-name.ts';
import { readTopics } from '../core/topic-reader.ts';
import type { Settings } from '../core/config.ts';

/** Some 100 bytes each. */
const MAX_LETTERS = 1_000_000;

/** The messages that stand on the topic of dead letters in place of a row, by where they stand: they have none by right. */
export class SetAside {
  readonly #topicPrefix: string;
  /** Kafka's times in ms, by place. */
  readonly #times = new Map<string, number>();

  constructor(topicPrefix: string) {
    this.#topicPrefix = topicPrefix;
  }

  static async read({
    admin,
    settings,
    signal,
  }: {
    readonly admin: Admin;
    readonly settings: Settings;
    readonly signal: AbortSignal;
  }): Promise<SetAside> {
    const { topicPrefix } = settings;
    const found = new SetAside(topicPrefix);
    const note = (message: KafkaMessage) => found.note(message);
    await readTopics(admin, settings, new Map([[deadLettersTopic(topicPrefix), note]]), signal);
    return found;
  }

  /** Takes a message of the topic of dead letters. @throws ServiceRefusedError when there are too many. */
  note(message: KafkaMessage): void {
    const letter = parseLetter(message, this.#topicPrefix);
    if (letter === undefined) {
      this.#forget(message);
      return;
    }
    if (letter.step !== 'sink') return;
    const { topic, partition, offset, timestampMs, isRedriven } = letter;
    const place = placeOf(topic, partition, String(offset));
    if (isRedriven) this.#times.delete(place);
    else this.#times.set(place, timestampMs);
    if (this.#times.size > MAX_LETTERS)
      throw new ServiceRefusedError(
        `more than ${MAX_LETTERS} dead letters wait: look at them first, npm run dead-letters -- list`,
      );
  }

  /** Of a topic that was deleted and made again, another message may stand in the place: its time differs. */
  has(topic: string, partition: number, { offset, timestamp }: KafkaMessage): boolean {
    if (this.#times.size === 0) return false;
    return this.#times.get(placeOf(topic, partition, offset)) === messageTimeMs(timestamp);
  }

  /** Whether the same messages are set aside. */
  isSame(other: SetAside): boolean {
    return isDeepStrictEqual(this.#times, other.#times);
  }

  /** A letter that somebody deleted by its key. */
  #forget({ key, value }: KafkaMessage): void {
    const [, stream, partition, offset] =
      /^(.+)\|sink\|(\d+)\|(\d+)$/.exec(key?.toString('utf8') ?? '') ?? [];
    if (value !== null || stream === undefined || offset === undefined) return;
    this.#times.delete(placeOf(topicOf(this.#topicPrefix, stream), Number(partition), offset));
  }
}

function placeOf(topic: string, partition: number, offset: string): string {
  return `${topic}|${partition}|${offset}`;
}
